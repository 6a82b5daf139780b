"""The parts of the lab, in the order in which they start, and how each shows that it works.

What a part ``needs`` only some runtimes provide: ``processes`` of this machine or ``containers``; ``postgres``,
``redis`` (or what speaks its protocol), ``grafana``.
"""

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One process or container of the lab.

    ``name`` is what ``make restart S=…`` and ``make logs S=…`` take. ``port`` names the setting of the port that it
    listens on first; ``others`` those of its further ports. ``path`` is answered with 200 on ``port`` when the part
    works, over TLS if ``tls``; a part with no ``path`` works when its process runs. ``awaited`` says that what comes
    after it is started only when it works; ``page`` that a person can look at it, so that it is published.
    """

    name: str
    what: str
    port: str = ""
    others: tuple[str, ...] = ()
    path: str = ""
    tls: bool = False
    awaited: bool = False
    page: bool = False
    needs: str = ""

    @property
    def ports(self) -> tuple[str, ...]:
        """The settings of all its ports."""
        return tuple(filter(None, (self.port, *self.others)))


PARTS = (
    # The watcher comes first, so that the first moments of the others are on record.
    Part("prometheus", "all metrics, and their rules", "PROMETHEUS_PORT", path="/-/ready", page=True),
    Part("shop", "holds the network that the pod shares", needs="containers"),
    Part("postgres", "catalogue, carts and orders", needs="postgres"),
    Part("valkey", "the cache", needs="redis"),
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
    # In a container NGINX has it by its side.
    Part("log-rotation", "keeps NGINX's logs small", needs="processes"),
    Part("nginx-exporter", "NGINX's connections", "EXPORTER_NGINX_PORT", path="/metrics"),
    Part("uwsgi-exporter", "uWSGI's workers", "EXPORTER_UWSGI_PORT", path="/-/healthy"),
    Part("access-log-exporter", "NGINX's requests, by mtail", "EXPORTER_ACCESS_LOG_PORT", path="/metrics"),
    Part("postgres-exporter", "PostgreSQL's statistics", needs="postgres"),
    Part("redis-exporter", "the cache's statistics", needs="redis"),
    Part("blackbox-exporter", "the shop seen from outside", "EXPORTER_BLACKBOX_PORT", path="/-/healthy"),
    Part("pushgateway", "metrics of jobs that end", "PUSHGATEWAY_PORT", path="/-/ready", page=True),
    Part("receiver", "what Alertmanager has told", "RECEIVER_PORT", path="/-/ready", page=True),
    Part("alertmanager", "who is told what", "ALERTMANAGER_PORT", path="/-/ready", page=True),
    Part("grafana", "dashboards", "GRAFANA_PORT", path="/api/health", page=True, needs="grafana"),
)


def parts_with(provided: Set[str]) -> tuple[Part, ...]:
    """Return the parts of a runtime that provides this."""
    return tuple(part for part in PARTS if not part.needs or part.needs in provided)


def part(name: str) -> Part | None:
    """Return the part of that name, or nothing."""
    return next((candidate for candidate in PARTS if candidate.name == name), None)
