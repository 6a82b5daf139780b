"""Read URLs that are reachable only inside the shop pod."""

import json
import select
import subprocess
import threading

from lab.runtimes.compose import engine

RESPONSE_SECONDS = 10
#: Reads one URL per line and prints one line of JSON for each, with the text of the response or the error.
_READER = """
import json, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for line in sys.stdin:
    try:
        with opener.open(line.strip(), timeout=5) as response:
            said = {"text": response.read().decode()}
    except Exception as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""


class Inside:
    """A small reader process in the container ``app``. It keeps running, so that each read takes only milliseconds.

    Several threads may use it. Their reads are serialized, because the responses share one pipe.
    """

    def __init__(self) -> None:
        self._reader: subprocess.Popen | None = None
        self._turn = threading.Lock()

    def get(self, url: str) -> str:
        """Return the response from ``url``. Raise OSError if its status is not 200 or the container is not running."""
        with self._turn:
            line = self._ask(url)
        said = json.loads(line)
        if "error" in said:
            raise ConnectionError(f"{url}: {said['error']}")
        return said["text"]

    def _ask(self, url: str) -> str:
        if self._reader is None or self._reader.poll() is not None:
            self._begin()
        try:
            self._reader.stdin.write(f"{url}\n")
            self._reader.stdin.flush()
            ready, _, _ = select.select([self._reader.stdout], [], [], RESPONSE_SECONDS)
            line = self._reader.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            self.close()
            raise ConnectionError(f"{url} cannot be read: the container app has exited or is hanging")
        return line

    def close(self) -> None:
        """Stop the reader process."""
        if self._reader:
            self._reader.kill()
            self._reader.wait()
            self._reader.stdin.close()
            self._reader.stdout.close()
            self._reader = None

    def _begin(self) -> None:
        self.close()
        container = engine.containers().get("app")
        if not container or container.state != "running":
            raise ConnectionError("the container app is not running")
        self._reader = subprocess.Popen(
            ["docker", "exec", "--interactive", container.id, "python3", "-c", _READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
