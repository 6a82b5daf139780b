"""Test what `lab alerts` prints about Prometheus, Alertmanager and the receiver, even if one of them is down."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab import http
from lab.alerts import notifications
from lab.errors import LabError
from lab.runtimes.base import Runtime
from lab.runtimes.ports import free_ports
from lab.runtimes.services import Service
from tests.receiver import notification, running_receiver

Addresses = dict[str, str]


class Lab:
    """A stand-in for a runtime that only knows its services' URLs."""

    def __init__(self, addresses: Mapping[str, str], *, running: bool = True) -> None:
        self._addresses = addresses
        self._running = running

    def is_running(self) -> bool:
        return self._running

    require_running = Runtime.require_running

    def url(self, service: Service, path: str = "/") -> str:
        return f"{self._addresses[service.name]}{path}"


@contextmanager
def answering(answers: Mapping[str, object]) -> Iterator[str]:
    """Serve the JSON for each of these paths, and 500 for every other path. Yield the server's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 500)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def firing(name: str, state: str, summary: str, **labels: str) -> dict:
    """Return an alert in the format of Prometheus's API. It has been active for five minutes."""
    began = datetime.now(UTC) - timedelta(minutes=5)
    return {
        **{"labels": {"alertname": name, "namespace": "pomar", **labels}, "annotations": {"summary": summary}},
        **{"state": state, "activeAt": began.isoformat().replace("+00:00", "123Z"), "value": "1e+00"},
    }


def in_alertmanager(name: str, *, inhibited_by: str = "", silenced_by: str = "", **labels: str) -> dict:
    """Return an alert in the format of Alertmanager's API. Its name is also its fingerprint."""
    began = datetime.now(UTC) - timedelta(hours=2)
    quiet = bool(inhibited_by or silenced_by)
    return {
        **{"labels": {"alertname": name, **labels}, "annotations": {}, "fingerprint": name},
        **{"startsAt": began.isoformat(), "receivers": [{"name": "page"}]},
        "status": {
            **{"state": "suppressed" if quiet else "active", "inhibitedBy": [inhibited_by] if inhibited_by else []},
            "silencedBy": [silenced_by] if silenced_by else [],
        },
    }


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[Addresses]:
    """The URLs of a Prometheus, an Alertmanager and a receiver during an incident."""
    prometheus = {
        "/api/v1/alerts": {
            "status": "success",
            "data": {
                "alerts": [
                    firing("Watchdog", "firing", "Prometheus evaluates its rules.", severity="none"),
                    firing("UwsgiDown", "firing", "uWSGI is down.", severity="page", instance="shop"),
                    firing("ClientErrors", "pending", "Many requests are refused.", severity="ticket"),
                ]
            },
        }
    }
    alertmanager = {
        "/api/v2/alerts": [
            in_alertmanager("UwsgiDown", severity="page", instance="shop"),
            in_alertmanager("UpstreamFailing", severity="page", inhibited_by="UwsgiDown"),
            in_alertmanager("SlowQueries", severity="ticket", silenced_by="7f2c"),
        ]
    }
    with ExitStack() as stack:
        found = {
            "prometheus": stack.enter_context(answering(prometheus)),
            "alertmanager": stack.enter_context(answering(alertmanager)),
            "receiver": stack.enter_context(running_receiver(tmp_path / "notifications.jsonl")),
        }
        beat = notification(receiver="watchdog", name="Watchdog", severity="none", summary="All is well.")
        down = notification(name="UwsgiDown", summary="uWSGI is down.")
        for sent in (*[beat] * 3, *[notification(name=f"Older{number:02}") for number in range(12)], beat, down, beat):
            http.session.post(f"{found['receiver']}/", json=sent, timeout=5).raise_for_status()
        yield found


def rows(text: str, title: str) -> list[str]:
    """Return the rows of a section's table, with single spaces between the words."""
    section = next(each for each in text.split("\n\n") if each.startswith(title))
    return [" ".join(line.split()) for line in section.splitlines()[3:]]


def test_alerts_in_prometheus_and_alertmanager_are_printed_in_columns(addresses):
    text, complete = notifications.page(Lab(addresses))

    assert complete
    assert rows(text, "Alerts in Prometheus") == [
        "ClientErrors ticket pending 5 min Many requests are refused.",
        "UwsgiDown page firing 5 min instance=shop uWSGI is down.",
        "Watchdog none firing 5 min Prometheus evaluates its rules.",
    ]
    assert rows(text, "Alerts in Alertmanager") == [
        "SlowQueries ticket silenced 2 h page",
        "UpstreamFailing page inhibited by UwsgiDown 2 h page",
        "UwsgiDown page active 2 h page instance=shop",
    ]


def test_the_last_ten_notifications_and_one_heartbeat_are_printed(addresses):
    text, _ = notifications.page(Lab(addresses))

    sent = [line.split(" UTC ")[1] for line in rows(text, "Notifications")]
    assert sent == [
        *(f"page firing Older{number:02} page" for number in range(3, 12)),
        "page firing UwsgiDown page uWSGI is down.",
        "watchdog firing Watchdog none All is well.",
    ]


def test_empty_lists_are_printed_as_none(tmp_path):
    empty = {"/api/v1/alerts": {"status": "success", "data": {"alerts": []}}, "/api/v2/alerts": []}

    with answering(empty) as url, running_receiver(tmp_path / "notifications.jsonl") as receiver:
        text, complete = notifications.page(Lab({"prometheus": url, "alertmanager": url, "receiver": receiver}))

    assert complete
    assert "None, not even the Watchdog, which should always fire." in text
    assert text.endswith("None yet.")


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "receiver"])
def test_a_service_that_is_down_is_named_and_the_others_are_printed(addresses, name):
    (port,) = free_ports(1)

    text, complete = notifications.page(Lab(addresses | {name: f"http://127.0.0.1:{port}"}))

    assert not complete
    refused = re.findall(r"(\w+) is not responding at (\S+)", text)
    assert [(each, url.startswith(f"http://127.0.0.1:{port}")) for each, url in refused] == [(name.capitalize(), True)]
    assert text.count("UwsgiDown") >= 2


def test_a_service_with_an_invalid_response_counts_as_down(addresses):
    text, complete = notifications.page(Lab(addresses | {"alertmanager": addresses["prometheus"]}))

    assert not complete
    assert "Alertmanager is not responding at " in text


def test_without_a_running_lab_the_error_says_how_to_start_it(addresses):
    with pytest.raises(LabError, match=r"the lab is not running: start it with `make up`\."):
        notifications.page(Lab(addresses, running=False))
