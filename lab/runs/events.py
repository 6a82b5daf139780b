"""What people do to the lab, told to Prometheus: loads, deploys and drills stand as annotations in every dashboard.

Each event is a gauge ``lab_event`` whose value is the unix time at which it happened and whose labels say what; the
Pushgateway keeps the last one of each kind and phase, so no event is too short for a scrape.
"""

import time

import click
import requests
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from lab import http
from lab.runtimes import services
from lab.runtimes.base import Runtime


def tell(runtime: Runtime, kind: str, phase: str, name: str, text: str) -> None:
    """Push an event of now: a load, deploy or drill, its start or end, the name of what it is about, and a sentence.

    When the Pushgateway does not take it, that is said and nothing else fails.
    """
    registry = CollectorRegistry()
    event = Gauge("lab_event", "Unix time of the last event of a kind.", ["name", "text"], registry=registry)
    event.labels(name, text).set(time.time())
    url = f"{runtime.url(services.named('pushgateway'), '')}/metrics/job/lab/kind/{kind}/phase/{phase}"
    try:
        http.session.put(url, data=generate_latest(registry), timeout=5).raise_for_status()
    except requests.RequestException as error:
        click.echo(
            f"The Pushgateway does not take the event ({type(error).__name__}): no dashboard will show: {text}",
            err=True,
        )
