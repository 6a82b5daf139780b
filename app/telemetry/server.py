"""Serve ``/metrics`` of the whole shop from a process beside uWSGI's workers: ``python -m telemetry.server``.

uWSGI's master starts it (``attach-daemon``) and starts it again if it ends. Because it is no worker, a scrape takes
none, is counted as no request, and is answered while every worker is stuck. It listens on ``APP_METRICS_ADDRESS``
(127.0.0.1) and ``APP_METRICS_PORT`` (8001).
"""

import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Serve until SIGTERM or SIGINT; end with one sentence when the address cannot be bound."""
    address = os.environ.get("APP_METRICS_ADDRESS", "127.0.0.1")
    port = int(os.environ.get("APP_METRICS_PORT", "8001"))

    # Before prometheus_client is imported: this process reads the workers' files and writes none.
    directory = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if not directory:
        sys.exit("telemetry.server: set PROMETHEUS_MULTIPROC_DIR to the directory that the workers write to.")

    import django

    django.setup()

    import psutil
    from prometheus_client import CollectorRegistry, start_http_server

    from telemetry.database import DatabaseFigures
    from telemetry.workers import WorkerMetrics, WorkerProcesses

    figures = DatabaseFigures()
    figures.start()
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(Path(directory)))
    registry.register(WorkerProcesses(psutil.Process(os.getppid())))
    registry.register(figures)
    try:
        start_http_server(port, address, registry)
    except OSError as error:
        sys.exit(f"telemetry.server: {address}:{port} cannot be bound: {error.strerror}.")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    main()
