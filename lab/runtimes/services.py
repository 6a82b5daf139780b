"""The services of the lab, in the order in which they start, and how each shows that it works.

What a service ``needs`` only some runtimes provide: ``processes`` of this machine or ``containers``; ``postgres``,
``redis`` (or what speaks its protocol), ``grafana``.
"""

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One process or container of the lab.

    ``name`` is what ``make restart S=…`` and ``make logs S=…`` take. ``port`` names the setting of the port that it
    listens on first; ``others`` those of its further ports. ``path`` is answered with 200 on ``port`` when the service
    works, over TLS if ``tls``; a service with no ``path`` works when its process runs. ``awaited`` says that what comes
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


SERVICES = (
    # The watcher comes first, so that the first moments of the others are on record.
    Service("prometheus", "all metrics, and their rules", "PROMETHEUS_PORT", path="/-/ready", page=True),
    Service("shop", "holds the network that the pod shares", needs="containers"),
    Service("postgres", "catalogue, carts and orders", needs="postgres"),
    Service("valkey", "the cache", needs="redis"),
    Service(
        "app",
        "Pomar under uWSGI, and its metrics",
        "APP_METRICS_PORT",
        ("APP_PORT", "APP_STATS_PORT"),
        "/metrics",
        awaited=True,
    ),
    Service(
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
    Service("log-rotation", "keeps NGINX's logs small", needs="processes"),
    Service("nginx-exporter", "NGINX's connections", "EXPORTER_NGINX_PORT", path="/metrics"),
    Service("uwsgi-exporter", "uWSGI's workers", "EXPORTER_UWSGI_PORT", path="/-/healthy"),
    Service("access-log-exporter", "NGINX's requests, by mtail", "EXPORTER_ACCESS_LOG_PORT", path="/metrics"),
    Service("postgres-exporter", "PostgreSQL's statistics", needs="postgres"),
    Service("redis-exporter", "the cache's statistics", needs="redis"),
    Service("blackbox-exporter", "the shop seen from outside", "EXPORTER_BLACKBOX_PORT", path="/-/healthy"),
    Service("pushgateway", "metrics of jobs that end", "PUSHGATEWAY_PORT", path="/-/ready", page=True),
    Service("receiver", "what Alertmanager has told", "RECEIVER_PORT", path="/-/ready", page=True),
    Service("alertmanager", "who is told what", "ALERTMANAGER_PORT", path="/-/ready", page=True),
    Service("grafana", "dashboards", "GRAFANA_PORT", path="/api/health", page=True, needs="grafana"),
)


def with_provided(provided: Set[str]) -> tuple[Service, ...]:
    """Return the services of a runtime that provides this."""
    return tuple(service for service in SERVICES if not service.needs or service.needs in provided)


def named(name: str) -> Service | None:
    """Return the service of that name, or nothing."""
    return next((candidate for candidate in SERVICES if candidate.name == name), None)
