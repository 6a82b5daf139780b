"""Push events (load runs, deploys, drills) to the Pushgateway, so that every dashboard shows them as annotations.

Each event is a series of the gauge ``lab_event``. The value is the event's Unix time, and the labels describe the
event. The Pushgateway keeps the latest event of each kind and phase, so even events between two scrapes reach
Prometheus.
"""

import time

import click
import requests
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from lab import http
from lab.runtimes import services
from lab.runtimes.base import Runtime


def push(runtime: Runtime, kind: str, phase: str, name: str, text: str) -> None:
    """Push an event that is happening now: its kind (load, deploy, drill), phase (start, end), name and text.

    If the Pushgateway does not accept it, prints a warning and carries on.
    """
    registry = CollectorRegistry()
    event = Gauge("lab_event", "Unix time of the last event of a kind.", ["name", "text"], registry=registry)
    event.labels(name, text).set(time.time())
    url = f"{runtime.url(services.named('pushgateway'), '')}/metrics/job/lab/kind/{kind}/phase/{phase}"
    try:
        http.session.put(url, data=generate_latest(registry), timeout=5).raise_for_status()
    except requests.RequestException as error:
        click.echo(
            f"The Pushgateway did not accept the event ({type(error).__name__}); dashboards will not show it: {text}",
            err=True,
        )
