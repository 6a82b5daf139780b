"""The metrics process, which serves ``/metrics`` for all workers: ``python -m pomar_telemetry.server``.

uWSGI's master starts it (``attach-daemon``) and restarts it if it exits. Because it is not a worker, scrapes
occupy no worker, are not counted as requests, and succeed even while every worker is stuck. It listens on
``APP_METRICS_ADDRESS`` (default 127.0.0.1) and ``APP_METRICS_PORT`` (default 8001).
"""

import os
import sys
from email.message import Message
from pathlib import Path

from pomar_telemetry.http_server import Response, Server, exit_on_signals

NAME = "pomar_telemetry.server"


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit with one sentence if a setting is invalid or the address is in use."""
    exit_on_signals()
    address = os.environ.get("APP_METRICS_ADDRESS", "127.0.0.1")
    port = int(os.environ.get("APP_METRICS_PORT", "8001"))

    # Remove the variable before prometheus_client is imported, because this process must not write metric files itself.
    directory = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if not directory:
        sys.exit(f"{NAME}: set PROMETHEUS_MULTIPROC_DIR to the directory that the workers write to.")

    import django
    import psutil
    from django.core.exceptions import ImproperlyConfigured
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    from pomar_telemetry.database import DatabaseFigures, project_collectors
    from pomar_telemetry.workers import WorkerMetrics, WorkerProcesses

    try:
        django.setup()
        figures = DatabaseFigures(project_collectors())
    except ImproperlyConfigured as error:
        sys.exit(f"{NAME}: {error}")
    figures.start()
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(Path(directory)))
    registry.register(WorkerProcesses(psutil.Process(os.getppid())))
    registry.register(figures)

    def metrics(path: str, headers: Message) -> Response:
        encoder, content_type = choose_encoder(headers.get("Accept", ""))
        return Response(200, content_type, encoder(registry))

    try:
        server = Server(NAME, (address, port), metrics)
    except OSError as error:
        sys.exit(f"{NAME}: cannot listen on {address}:{port}: {error.strerror}.")
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()
