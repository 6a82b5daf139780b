"""The parts of the lab, in the order in which they start, and how each shows that it works."""

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from lab import local
from lab.paths import CA_FILE


@dataclass(frozen=True)
class Part:
    """One process of the lab.

    ``name`` is what ``make restart S=…`` and ``make logs S=…`` take. ``port`` names the setting of the port that it
    listens on first; ``others`` those of its further ports. ``path`` is answered with 200 on ``port`` when the part
    works, over TLS if ``tls``; a part with no ``path`` works when its process runs. ``awaited`` says that what comes
    after it is started only when it works; ``page`` that a person can look at it.
    """

    name: str
    what: str
    port: str = ""
    others: tuple[str, ...] = ()
    path: str = ""
    tls: bool = False
    awaited: bool = False
    page: bool = False

    @property
    def ports(self) -> tuple[str, ...]:
        """The settings of all its ports."""
        return tuple(filter(None, (self.port, *self.others)))

    def url(self, settings: Mapping[str, str], path: str = "/") -> str:
        """Return its address on this machine, or nothing for a part that listens nowhere."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://localhost:{settings[self.port]}{path}" if self.port else ""

    def trouble(self, settings: Mapping[str, str]) -> str:
        """Ask the part whether it works; return nothing when it does, else what it answered (2 s at most)."""
        if not self.path:
            return ""
        try:
            answer = local.get(self.url(settings, self.path), timeout=2, verify=str(CA_FILE), allow_redirects=False)
        except requests.RequestException as error:
            return f"no answer from {self.url(settings, self.path)} ({type(error).__name__})"
        return "" if answer.ok else f"{answer.url} answered {answer.status_code}: {answer.text[:200].strip()}"


PARTS = (
    # The watcher comes first, so that the first moments of the others are on record.
    Part("prometheus", "all metrics, and their rules", "PROMETHEUS_PORT", path="/-/ready", page=True),
    Part(
        "app",
        "Pomar under uWSGI, and its metrics",
        "APP_METRICS_PORT",
        ("APP_PORT", "APP_STATS_PORT"),
        "/metrics",
        awaited=True,
    ),
    Part(
        "nginx",
        "the shop",
        "SHOP_HTTPS_PORT",
        ("SHOP_HTTP_PORT", "NGINX_STATUS_PORT"),
        "/health/ready",
        tls=True,
        awaited=True,
        page=True,
    ),
    Part("log-rotation", "keeps NGINX's logs small"),
    Part("nginx-exporter", "NGINX's connections", "EXPORTER_NGINX_PORT", path="/metrics"),
    Part("uwsgi-exporter", "uWSGI's workers", "EXPORTER_UWSGI_PORT", path="/-/healthy"),
    Part("access-log-exporter", "NGINX's requests, by mtail", "EXPORTER_ACCESS_LOG_PORT", path="/metrics"),
    Part("blackbox-exporter", "the shop seen from outside", "EXPORTER_BLACKBOX_PORT", path="/-/healthy"),
    Part("pushgateway", "metrics of jobs that end", "PUSHGATEWAY_PORT", path="/-/ready", page=True),
    Part("alertmanager", "who is told what", "ALERTMANAGER_PORT", path="/-/ready", page=True),
)


def part(name: str) -> Part | None:
    """Return the part of that name, or nothing."""
    return next((candidate for candidate in PARTS if candidate.name == name), None)
