"""The receiver gets one notification when an alert fires and one when it resolves."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lab import http
from lab.alerts.notifications import in_alertmanager, received
from lab.paths import ROOT
from lab.runtimes import services
from lab.runtimes.base import Runtime
from tests.eventually import eventually

#: The Watchdog's notification is sent again every minute.
HEARTBEAT_SECONDS = 90
#: Longer than group_wait, group_interval and one retry combined.
TOLD_SECONDS = 40


class Pushed:
    """Alerts that a test pushes to Alertmanager as Prometheus would; a unique label distinguishes them from others."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._namespace = f"test-{time.time_ns()}"
        self._alerts: list[dict[str, str]] = []

    def fire(self, name: str, severity: str) -> None:
        """Send a firing alert."""
        labels = {"alertname": name, "severity": severity, "namespace": self._namespace}
        self._alerts.append(labels)
        self._push([labels], timedelta(minutes=5))

    def end(self) -> None:
        """Resolve all of the alerts."""
        self._push(self._alerts, timedelta())

    def told(self) -> list[tuple[str, str, str]]:
        """Return the receiver, status and alert name of each notification received about these alerts."""
        return [
            (each["receiver"], each["status"], each["groupLabels"]["alertname"])
            for each in received(self._runtime)
            if each["groupLabels"].get("namespace") == self._namespace
        ]

    def states(self) -> dict[str, str]:
        """Return the state in Alertmanager of each of these alerts that is firing, by alert name."""
        found = [each for each in in_alertmanager(self._runtime) if each["labels"].get("namespace") == self._namespace]
        return {each["labels"]["alertname"]: each["status"]["state"] for each in found}

    def _push(self, alerts: list[dict[str, str]], ends: timedelta) -> None:
        end = (datetime.now(UTC) + ends).isoformat()
        body = [{"labels": labels, "annotations": {"summary": "A test's."}, "endsAt": end} for labels in alerts]
        answer = http.session.post(
            self._runtime.url(services.named("alertmanager"), "/api/v2/alerts"), json=body, timeout=5
        )
        assert answer.ok, answer.text


@pytest.fixture
def pushed(runtime) -> Iterator[Pushed]:
    """Alerts that are resolved at the end of the test."""
    alerts = Pushed(runtime)
    yield alerts
    alerts.end()


@pytest.fixture
def lab_alerts(runtime) -> Callable[[], subprocess.CompletedProcess]:
    """The `lab alerts` command."""
    environment = {**os.environ, "RUNTIME": runtime.name}
    command = [sys.executable, "-m", "lab", "alerts"]
    return lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def is_heartbeat(notification: dict) -> bool:
    """Return whether a notification is about the Watchdog."""
    return notification["groupLabels"]["alertname"] == "Watchdog"


def came(notification: dict) -> datetime:
    """Return when a notification was received."""
    return datetime.fromisoformat(notification["received"])


def told(alerts: Pushed, *wanted: tuple[str, str, str]) -> None:
    """Wait until exactly these notifications about a test's alerts have been received."""
    eventually(
        lambda: sorted(alerts.told()),
        because="the notifications arrive",
        timeout=TOLD_SECONDS,
        wanted=lambda seen: seen == sorted(wanted),
    )


def test_only_the_watchdog_fires_in_a_healthy_lab(observer, shopped):
    began, ended = int(shopped["start"]), int(shopped["end"])
    firing = observer.query(
        f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{ended - began}s]))', at=shopped["end"]
    )

    assert {each["metric"]["alertname"] for each in firing} == {"Watchdog"}


def test_the_heartbeat_arrives_within_90_s_and_is_printed(runtime, lab_alerts):
    since = datetime.now(UTC)

    beat = eventually(
        lambda: next((each for each in received(runtime) if is_heartbeat(each) and came(each) > since), None),
        because="the Watchdog's heartbeat arrives",
        timeout=HEARTBEAT_SECONDS,
    )

    assert (beat["receiver"], beat["status"]) == ("watchdog", "firing")
    done = lab_alerts()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if "Watchdog" in line]
    assert lines[0][:3] == ["Watchdog", "none", "firing"]
    assert lines[1][:3] == ["Watchdog", "none", "active"]
    assert lines[-1][2:7] == ["UTC", "watchdog", "firing", "Watchdog", "none"]


def test_firing_and_resolved_alerts_are_sent_once_to_the_right_receiver(pushed):
    severities = ("page", "ticket")
    for severity in severities:
        pushed.fire(severity.title(), severity)
    firing = [(severity, "firing", severity.title()) for severity in severities]
    told(pushed, *firing)

    pushed.end()

    told(pushed, *firing, *((severity, "resolved", severity.title()) for severity in severities))


def test_an_alert_with_a_known_cause_is_inhibited(pushed, lab_alerts):
    pushed.fire("UwsgiDown", "page")
    pushed.fire("UpstreamFailing", "page")

    told(pushed, ("page", "firing", "UwsgiDown"))
    # Both alerts were pushed at the same time, so a notification about the other one would also have been sent by now.
    assert pushed.states() == {"UwsgiDown": "active", "UpstreamFailing": "suppressed"}
    assert any(
        line.startswith("UpstreamFailing ") and "inhibited by UwsgiDown" in line
        for line in lab_alerts().stdout.splitlines()
    )

    pushed.end()

    told(pushed, ("page", "firing", "UwsgiDown"), ("page", "resolved", "UwsgiDown"))


def test_an_alert_that_fires_while_the_receiver_is_down_arrives_later(runtime, pushed, lab_alerts):
    runtime.stop(services.named("receiver"))
    try:
        pushed.fire("Pushed", "page")
        eventually(pushed.states, because="Alertmanager has it", wanted=lambda seen: seen == {"Pushed": "active"})
        away = lab_alerts()
    finally:
        runtime.start(services.named("receiver"))

    assert away.returncode == 1
    assert "Receiver is not responding at " in away.stdout
    assert "Traceback" not in away.stdout + away.stderr
    told(pushed, ("page", "firing", "Pushed"))
