"""The way of an alert, as it is now: what fires in Prometheus, what Alertmanager does with it, and whom it told."""

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
#: How many notifications are shown; of the heartbeat only the last one, which comes each minute.
SHOWN = 10
HEARTBEAT = "watchdog"
#: Labels that have a column of their own, or say the same for every alert.
NOT_OF_ONE = ("alertname", "severity", "namespace")


def page(runtime: Runtime) -> tuple[str, bool]:
    """Return all three as text, and whether all three answered; who does not is named in a sentence.

    Raises LabError when the lab does not run.
    """
    runtime.require_running()
    sections = (
        ("What fires, in Prometheus", "Nothing: not even the Watchdog, which always does.", _firing),
        ("What Alertmanager has", "Nothing.", _held),
        ("What was told, by the receiver", "Nothing yet.", _told),
    )
    found = [_section(title, none, rows, runtime) for title, none, rows in sections]
    return "\n\n".join(text for text, _ in found), all(answered for _, answered in found)


def _section(
    title: str, none: str, rows: Callable[[Runtime], list[tuple[str, ...]]], runtime: Runtime
) -> tuple[str, bool]:
    try:
        head, *body = rows(runtime)
    except LabError as error:
        return f"{title}\n{error.message}", False
    return f"{title}\n{grid([head, *body], words=set(range(len(head)))) if body else none}", True


def firing(runtime: Runtime) -> list[dict]:
    """Return the alerts that are pending or fire, as Prometheus has them; raises LabError when it does not answer."""
    return Api(runtime.url(services.named("prometheus"), "")).get("alerts")["alerts"]


def held(runtime: Runtime) -> list[dict]:
    """Return the alerts that Alertmanager has, silenced and inhibited ones too; raises LabError as ``firing`` does."""
    return _get(runtime, "alertmanager", "/api/v2/alerts")


def kept(runtime: Runtime) -> list[dict]:
    """Return the notifications that the receiver has, the oldest first; raises LabError as ``firing`` does."""
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
    return [("alert", "severity", "state", "since", "of", "summary"), *sorted(rows)]


def _held(runtime: Runtime) -> list[tuple[str, ...]]:
    alerts = held(runtime)
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
    return [("alert", "severity", "state", "since", "for", "of"), *sorted(rows)]


def _state(status: dict, names: dict[str, str]) -> str:
    """Return whether an alert is told, and if not, why."""
    causes = sorted({names.get(fingerprint, "one that ended") for fingerprint in status["inhibitedBy"]})
    if causes:
        return f"inhibited by {', '.join(causes)}"
    return "silenced" if status["silencedBy"] else status["state"]


def _told(runtime: Runtime) -> list[tuple[str, ...]]:
    all_kept = kept(runtime)
    beats = [each for each in all_kept if each["receiver"] == HEARTBEAT]
    others = [each for each in all_kept if each["receiver"] != HEARTBEAT]
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
        answer = http.get(url, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()
    except requests.RequestException as error:
        raise LabError(
            f"{name.capitalize()} does not answer at {url} ({type(error).__name__}): see `make status`."
        ) from error


def _since(time: str) -> str:
    began = datetime.fromisoformat(time)
    return times.rough(max((datetime.now(began.tzinfo) - began).total_seconds(), 0))


def _rest(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in NOT_OF_ONE)


def _values(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
