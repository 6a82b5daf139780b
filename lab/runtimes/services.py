"""The lab's services in start order, and how to check that each one works.

A service may need a feature that only some runtimes provide (``needs``): ``processes`` on this machine, ``containers``,
``postgres``, ``redis`` (or a compatible server) or ``grafana``.
"""

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One process or container of the lab.

    ``name`` is the value for ``make restart S=…`` and ``make logs S=…``. ``port`` is the setting for its main port;
    ``others`` are the settings for its other ports. A working service returns 200 for ``path`` on ``port``, over HTTPS
    if ``tls``. A service without ``path`` works if its process is running. If ``awaited``, later services start only
    once it works. If ``page``, it has pages for users, so its port is published.
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
        """The settings for all of its ports."""
        return tuple(filter(None, (self.port, *self.others)))


SERVICES = (
    # Prometheus starts first, so that it records how the others start.
    Service("prometheus", "metrics, rules and alerts", "PROMETHEUS_PORT", path="/-/ready", page=True),
    Service("shop", "owns the pod's shared network", needs="containers"),
    Service("postgres", "catalogue, carts and orders", needs="postgres"),
    Service("valkey", "the cache", needs="redis"),
    Service(
        "app",
        "Pomar under uWSGI, with its metrics",
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
    # On the Compose runtime, the NGINX container rotates its own logs.
    Service("log-rotation", "rotates the NGINX logs", needs="processes"),
    Service("nginx-exporter", "NGINX connections", "EXPORTER_NGINX_PORT", path="/metrics"),
    Service("uwsgi-exporter", "uWSGI workers", "EXPORTER_UWSGI_PORT", path="/-/healthy"),
    Service("access-log-exporter", "NGINX requests, from the access log", "EXPORTER_ACCESS_LOG_PORT", path="/metrics"),
    Service("postgres-exporter", "PostgreSQL statistics", needs="postgres"),
    Service("redis-exporter", "cache statistics", needs="redis"),
    Service("blackbox-exporter", "probes the shop from outside", "EXPORTER_BLACKBOX_PORT", path="/-/healthy"),
    Service("pushgateway", "metrics from short-lived jobs", "PUSHGATEWAY_PORT", path="/-/ready", page=True),
    Service("receiver", "notifications sent by Alertmanager", "RECEIVER_PORT", path="/-/ready", page=True),
    Service("alertmanager", "alert groups, silences and inhibitions", "ALERTMANAGER_PORT", path="/-/ready", page=True),
    Service("grafana", "dashboards", "GRAFANA_PORT", path="/api/health", page=True, needs="grafana"),
)


def with_provided(provided: Set[str]) -> tuple[Service, ...]:
    """Return the services of a runtime that provides these features."""
    return tuple(service for service in SERVICES if not service.needs or service.needs in provided)


def named(name: str) -> Service | None:
    """Return the service with this name, or None."""
    return next((candidate for candidate in SERVICES if candidate.name == name), None)
