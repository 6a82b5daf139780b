"""Run the exporter as a program, and the servers from which it reads. Everything listens on the loopback address."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

EXPORTER = (sys.executable, "-m", "pomar_telemetry.uwsgi_exporter")


class RunningExporter:
    """A running exporter and its address."""

    def __init__(self, process: subprocess.Popen, url: str):
        self.process = process
        self.url = url

    def stop(self) -> str:
        """Stop it with SIGTERM and return the rest of its stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=2)[1]


@contextmanager
def running_exporter(uri: str, *flags: str) -> Iterator[RunningExporter]:
    """Run an exporter on a free port until the end of the block."""
    command = [*EXPORTER, f"--stats.uri={uri}", "--web.listen-address=127.0.0.1:0", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        first_line = process.stderr.readline()
        port = re.search(r"on 127\.0\.0\.1:(\d+)\.$", first_line)[1]
        yield RunningExporter(process, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def answering(answer: Callable[[socket.socket], None], unix: Path | None) -> Iterator[str]:
    """Listen on a free port or the UNIX socket, call ``answer`` with each connection, and yield the address."""
    if unix:
        listener = socket.create_server(str(unix), family=socket.AF_UNIX)
        address = str(unix)
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def send_all(connection: socket.socket, answer: bytes) -> None:
    """Send the bytes, shut down writing, and wait for the client to close. Closing first could reset the connection."""
    connection.sendall(answer)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(1024):
        pass
