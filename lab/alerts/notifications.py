"""`make alerts`: the alerts in Prometheus, what Alertmanager does with them, and the notifications it has sent."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import requests

from lab import http, times
from lab.console import grid
from lab.errors import LabError
from lab.prometheus import Api
from lab.runtimes import services
from lab.runtimes.base import Runtime

TIMEOUT_SECONDS = 5
#: How many notifications are shown, in addition to the latest heartbeat (one is sent every minute).
SHOWN = 10
HEARTBEAT = "watchdog"
#: Labels that have their own column, or are the same for every alert.
NOT_LISTED = ("alertname", "severity", "namespace")


def page(runtime: Runtime) -> tuple[str, bool]:
    """Return the three sections as text, and whether all three services responded.

    A section whose service did not respond says so.

    Raises LabError when the lab is not running.
    """
    runtime.require_running()
    sections = (
        ("Alerts in Prometheus", "None, not even the Watchdog, which should always fire.", _firing),
        ("Alerts in Alertmanager", "None.", _in_alertmanager),
        ("Notifications at the receiver", "None yet.", _received),
    )
    found = [_section(title, none, rows, runtime) for title, none, rows in sections]
    return "\n\n".join(text for text, _ in found), all(complete for _, complete in found)


def _section(
    title: str, none: str, rows: Callable[[Runtime], list[tuple[str, ...]]], runtime: Runtime
) -> tuple[str, bool]:
    try:
        head, *body = rows(runtime)
    except LabError as error:
        return f"{title}\n{error.message}", False
    return f"{title}\n{grid([head, *body], words=set(range(len(head)))) if body else none}", True


def firing(runtime: Runtime) -> list[dict]:
    """Return the pending and firing alerts in Prometheus; raises LabError if Prometheus does not respond."""
    return Api(runtime.url(services.named("prometheus"), "")).get("alerts")["alerts"]


def in_alertmanager(runtime: Runtime) -> list[dict]:
    """Return all alerts in Alertmanager, even silenced and inhibited ones; raises LabError if it does not respond."""
    return _get(runtime, "alertmanager", "/api/v2/alerts")


def received(runtime: Runtime) -> list[dict]:
    """Return the notifications at the receiver, oldest first; raises LabError if it does not respond."""
    return _get(runtime, "receiver", "/notifications")


def _firing(runtime: Runtime) -> list[tuple[str, ...]]:
    rows = [
        (
            alert["labels"]["alertname"],
            alert["labels"].get("severity", ""),
            alert["state"],
            _since(alert["activeAt"]),
            _rest(alert["labels"]),
            alert["annotations"].get("summary", ""),
        )
        for alert in firing(runtime)
    ]
    return [("alert", "severity", "state", "active for", "labels", "summary"), *sorted(rows)]


def _in_alertmanager(runtime: Runtime) -> list[tuple[str, ...]]:
    alerts = in_alertmanager(runtime)
    names = {alert["fingerprint"]: alert["labels"].get("alertname", "") for alert in alerts}
    rows = [
        (
            alert["labels"].get("alertname", ""),
            alert["labels"].get("severity", ""),
            _state(alert["status"], names),
            _since(alert["startsAt"]),
            ", ".join(receiver["name"] for receiver in alert["receivers"]),
            _rest(alert["labels"]),
        )
        for alert in alerts
    ]
    return [("alert", "severity", "state", "active for", "receiver", "labels"), *sorted(rows)]


def _state(status: dict, names: dict[str, str]) -> str:
    """Return whether Alertmanager sends notifications for an alert, and if not, why."""
    causes = sorted({names.get(fingerprint, "a resolved alert") for fingerprint in status["inhibitedBy"]})
    if causes:
        return f"inhibited by {', '.join(causes)}"
    return "silenced" if status["silencedBy"] else status["state"]


def _received(runtime: Runtime) -> list[tuple[str, ...]]:
    notifications = received(runtime)
    beats = [each for each in notifications if each["receiver"] == HEARTBEAT]
    others = [each for each in notifications if each["receiver"] != HEARTBEAT]
    last = sorted([*others[-SHOWN:], *beats[-1:]], key=lambda each: each["received"])
    rows = [
        (
            f"{datetime.fromisoformat(each['received']).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            each["receiver"],
            each["status"],
            _values(alert["labels"].get("alertname", "") for alert in each["alerts"]),
            _values(alert["labels"].get("severity", "") for alert in each["alerts"]),
            _values(alert["annotations"].get("summary", "") for alert in each["alerts"]),
        )
        for each in last
    ]
    return [("time", "receiver", "status", "alert", "severity", "summary"), *rows]


def _get(runtime: Runtime, name: str, path: str) -> list[dict]:
    url = runtime.url(services.named(name), path)
    try:
        response = http.get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return response.json()
    except requests.RequestException as error:
        raise LabError(
            f"{name.capitalize()} is not responding at {url} ({type(error).__name__}): see `make status`."
        ) from error


def _since(time: str) -> str:
    began = datetime.fromisoformat(time)
    return times.rough(max((datetime.now(began.tzinfo) - began).total_seconds(), 0))


def _rest(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in NOT_LISTED)


def _values(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
