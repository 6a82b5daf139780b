"""Read what answers only inside the shop pod, from within it."""

import json
import select
import subprocess
import threading

from lab.runtimes.compose import engine

SECONDS_TO_ANSWER = 10
#: Reads an address a line, and answers each with one line: the text, or what went wrong.
_READER = """
import json, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for line in sys.stdin:
    try:
        with opener.open(line.strip(), timeout=5) as answer:
            said = {"text": answer.read().decode()}
    except Exception as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""


class Inside:
    """A small reader in the container ``app``, kept for as long as that lives: a read takes a few milliseconds.

    Several threads may ask: one after the other, since the answers come over one pipe.
    """

    def __init__(self) -> None:
        self._reader: subprocess.Popen | None = None
        self._turn = threading.Lock()

    def get(self, url: str) -> str:
        """Return what ``url`` answers; raises OSError when it does not answer 200, or when there is no ``app``."""
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
            answered, _, _ = select.select([self._reader.stdout], [], [], SECONDS_TO_ANSWER)
            line = self._reader.stdout.readline() if answered else ""
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            self.close()
            raise ConnectionError(f"{url} cannot be read: the container app has ended, or hangs")
        return line

    def close(self) -> None:
        """End the reader."""
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
            raise ConnectionError("the container app does not run")
        self._reader = subprocess.Popen(
            ["docker", "exec", "--interactive", container.id, "python3", "-c", _READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
