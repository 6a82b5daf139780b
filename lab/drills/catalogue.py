"""All drills, each with its fault, the alerts that must fire, and the panel that shows the fault."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab.drills import faults
from lab.errors import LabError
from lab.runtimes.base import Runtime


@dataclass(frozen=True)
class Drill:
    """One drill.

    ``what`` is a sentence about the fault. ``alerts`` must fire and then resolve. ``never`` lists alerts that must not
    fire during the drill. ``panel`` (``Dashboard: Panel``) shows the fault. ``needs`` lists what the runtime must
    provide. ``seconds`` is the timeout for each of these steps: all alerts fire, all notifications are sent, all alerts
    resolve, all resolved notifications are sent.
    """

    name: str
    what: str
    alerts: tuple[str, ...]
    panel: str
    fault: Callable[[Runtime], AbstractContextManager]
    needs: tuple[str, ...] = ()
    seconds: int = 90
    never: tuple[str, ...] = ()


CHECKOUT_AND_ALL = ("/checkout/", "/")
#: Without the blackbox exporter, because TierBlind needs it to see that a tier still works, and without the exporters
#: that the error and latency objectives read.
SOME_EXPORTERS = ("nginx-exporter", "uwsgi-exporter", "pushgateway")
DRILLS = (
    Drill(
        "exporter-stopped",
        "The NGINX exporter is stopped. NGINX itself keeps working, but is not monitored.",
        ("TierBlind",),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, "nginx-exporter"),
        never=("NginxDown", "ShopUnreachable"),
    ),
    Drill(
        "nginx-stopped",
        "NGINX is stopped.",
        ("NginxDown", "ShopUnreachable"),
        "Overview: NGINX traffic",
        lambda lab: faults.stopped(lab, "nginx"),
    ),
    Drill(
        "uwsgi-stopped",
        "uWSGI is stopped, and NGINX cannot connect to it.",
        ("UwsgiDown", "UpstreamFailing", "ServerErrors"),
        "NGINX: Upstream requests by outcome",
        lambda lab: faults.stopped(lab, "app"),
    ),
    Drill(
        "database-down",
        "PostgreSQL is stopped while the shop is running.",
        ("PostgresDown", "DatabaseDown"),
        "PostgreSQL: PostgreSQL status",
        lambda lab: faults.stopped(lab, "postgres"),
        needs=("postgres",),
    ),
    Drill(
        "cache-down",
        "The cache (Valkey) is stopped.",
        ("CacheDown",),
        "Redis: Redis status",
        lambda lab: faults.stopped(lab, "valkey"),
        needs=("redis",),
    ),
    Drill(
        "workers-stuck",
        "80 clients send requests that each keep a worker busy for 4 s.",
        ("WorkersSaturated", "ListenQueueFilling", "UpstreamSlow"),
        "uWSGI: Listen queue",
        lambda lab: faults.crowd(lab, 80, "sleep=4"),
        # uWSGI processes its whole queue, even the requests whose clients have disconnected.
        seconds=180,
    ),
    Drill(
        "queue-full",
        "Like workers-stuck with 160 clients: the listen queue is full, and further requests fail.",
        ("ListenQueueFilling", "UpstreamFailing"),
        "uWSGI: Listen queue",
        lambda lab: faults.crowd(lab, 160, "sleep=4"),
        seconds=240,
    ),
    Drill(
        "slow-clients",
        "Clients send requests that they never complete, until NGINX has no free connections (Slowloris).",
        ("ConnectionsDropped",),
        "NGINX: Dropped connections",
        lambda lab: faults.slow_clients(lab, 3000),
    ),
    Drill(
        "slow-view",
        "Product pages and the checkout become about a second slower, and requests queue for a worker.",
        ("UpstreamSlow", "ShoppingLatencyBurnFast", "CheckoutLatencyBurnFast"),
        "NGINX: Upstream requests by outcome",
        lambda lab: faults.crowd(lab, 12, "sleep=1.2", CHECKOUT_AND_ALL),
        # Three out of four pages must be slow, averaged over the long window of four minutes.
        seconds=420,
    ),
    Drill(
        "bad-deploy",
        "Some requests to pages and to the checkout return status 500.",
        ("ServerErrors", "CheckoutFailing", "ShoppingAvailabilityBurnFast", "CheckoutAvailabilityBurnFast"),
        "NGINX: Responses by status",
        lambda lab: faults.crowd(lab, 2, "status=500", CHECKOUT_AND_ALL),
        # The budget stops burning once the errors have left the short window of two minutes.
        seconds=240,
    ),
    Drill(
        "slow-database",
        "Some SQL statements take 0.15 s.",
        ("SlowQueries",),
        "Django: Query duration",
        lambda lab: faults.crowd(lab, 3, "db-slow=0.15"),
    ),
    Drill(
        "database-errors",
        "Some SQL statements query a table that does not exist.",
        ("DatabaseErrors",),
        "Django: Query errors",
        lambda lab: faults.crowd(lab, 2, "db-error"),
    ),
    Drill(
        "connections-leaked",
        "Workers open connections to PostgreSQL and never close them.",
        ("PostgresConnectionsNearLimit",),
        "PostgreSQL: Connections by user",
        lambda lab: faults.leaking(lab, "db-leak", pause=0.3),
        needs=("postgres",),
    ),
    Drill(
        "cache-misses",
        "Most cache lookups miss.",
        ("CacheHitRatioLow",),
        "Django: Cache hit ratio over time",
        lambda lab: faults.crowd(lab, 2, "cache-miss=100"),
        seconds=150,
    ),
    Drill(
        "cache-full",
        "The cache fills up with entries that are never read.",
        ("CacheMemoryNearLimit",),
        "Redis: Memory and limit",
        lambda lab: faults.crowd(lab, 1, "cache-fill=1"),
        needs=("redis",),
        seconds=150,
    ),
    Drill(
        "cache-connections-leaked",
        "Workers open connections to the cache and never close them.",
        ("CacheConnectionsNearLimit",),
        "Redis: Connections and limit",
        # Together with the connections in use, this stays below the limit, and it is enough even if one of four workers
        # is recycled.
        lambda lab: faults.leaking(lab, f"cache-leak={188 // int(lab.settings['UWSGI_WORKERS'])}", 4, pause=0.2),
        needs=("redis",),
    ),
    Drill(
        "worker-killed",
        "Workers are repeatedly killed in the middle of a request.",
        ("WorkerRespawnLoop", "UpstreamFailing"),
        "uWSGI: Worker starts and kills",
        lambda lab: faults.crowd(lab, 1, "abort"),
    ),
    Drill(
        "harakiri",
        "Requests exceed uWSGI's harakiri timeout, and their workers are killed.",
        ("Harakiri",),
        "uWSGI: Workers killed by harakiri",
        lambda lab: faults.crowd(lab, 1, "sleep=60"),
        seconds=150,
    ),
    Drill(
        "answer-broken-off",
        "A view raises an exception after part of its response has been sent, so the exception reaches uWSGI.",
        ("WorkerExceptions",),
        "uWSGI: Uncaught exceptions",
        lambda lab: faults.crowd(lab, 1, "break-off"),
    ),
    Drill(
        "memory-leak",
        "Workers leak memory.",
        ("WorkerMemory",),
        "uWSGI: Memory by worker",
        # In containers, the kernel kills workers once three or four of them have leaked this much.
        lambda lab: faults.leaking(lab, "leak=100", pause=30),
        seconds=120,
    ),
    Drill(
        "404-flood",
        "A scanner requests pages that do not exist.",
        ("ClientErrors",),
        "NGINX: Responses by status",
        lambda lab: faults.crowd(lab, 8, "", ("/wp-login.php", "/.git/config", "/phpmyadmin/")),
    ),
    Drill(
        "series-flood",
        "Clients send random paths, hosts, methods and search terms, none of which may create a series.",
        ("ClientErrors",),
        "Lab: Series by job",
        lambda lab: faults.random_clients(lab, 4),
        never=("SeriesGrowth",),
    ),
    Drill(
        "certificate-ending",
        "NGINX's certificate expires in a week.",
        ("CertificateEnding",),
        "Overview: Certificate expires in",
        lambda lab: faults.expiring_certificate(lab, 7),
        # The alert waits for an hour in production, and for four minutes in the lab.
        seconds=300,
    ),
    Drill(
        "unapplied-migration",
        "The code has a migration that has not been applied to the database.",
        ("UnappliedMigrations",),
        "Django: Migrations",
        faults.unapplied_migration,
    ),
    Drill(
        "sold-out",
        "Visitors browse products, but everything is out of stock.",
        ("NoOrders",),
        "Shop: Orders",
        faults.nothing_in_stock,
        seconds=180,
    ),
    Drill(
        "job-stale",
        "A batch job has not pushed its metrics within the time that it promised.",
        ("PushedJobStale",),
        "Lab: Pushgateway requests",
        lambda lab: faults.stale_job(lab, 15),
    ),
    Drill(
        "pushgateway-stopped",
        "The Pushgateway, which is part of the monitoring itself, is stopped.",
        ("TargetDown",),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, "pushgateway"),
    ),
    Drill(
        "exporters-stopped",
        "Three scrape targets are stopped, and the metrics-freshness error budget burns.",
        ("TierBlind", "MetricsFreshnessBurnFast"),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, *SOME_EXPORTERS),
        # A seventh of all scrapes must fail, averaged over the long window of four minutes.
        seconds=240,
    ),
    Drill(
        "label-without-bounds",
        "A job pushes one series per customer.",
        ("SeriesGrowth",),
        "Lab: Series by job",
        lambda lab: faults.unbounded_label(lab, 13000),
    ),
    Drill(
        "rule-fails",
        "A job pushes a metric under a name that a recording rule reads, so the rule returns the same series twice.",
        ("RuleFailures",),
        "Lab: Rule evaluation failures",
        faults.taken_name,
        seconds=120,
    ),
    Drill(
        "config-broken",
        "Prometheus is reloaded with a rule file that has a syntax error.",
        ("ConfigReloadFailed",),
        "Lab: Configuration reload",
        faults.broken_rule,
    ),
    Drill(
        "storage-filled",
        "Prometheus has almost reached its storage limit.",
        ("StorageNearBound",),
        "Lab: Storage size",
        lambda lab: faults.filled_storage(lab, 0.95),
        # Prometheus looks for new blocks once a minute, and the alert waits a minute (15 minutes in production).
        seconds=180,
    ),
    Drill(
        "slow-burn",
        "Errors, slow pages and failed scrapes last for minutes. Each error budget burns, and its alert resolves late.",
        (
            "ShoppingAvailabilityBurnSlow",
            "ShoppingLatencyBurnSlow",
            "CheckoutAvailabilityBurnSlow",
            "CheckoutLatencyBurnSlow",
            "MetricsFreshnessBurnSlow",
        ),
        "Overview: Error budget remaining",
        lambda lab: faults.together(
            lab,
            lambda _: faults.stopped(lab, *SOME_EXPORTERS),
            lambda _: faults.crowd(lab, 12, "sleep=1.2", CHECKOUT_AND_ALL),
            lambda _: faults.crowd(lab, 2, "status=500", CHECKOUT_AND_ALL),
        ),
        # The alerts resolve once the faults have left the shorter window of 24 minutes.
        seconds=1800,
    ),
)


def named(name: str) -> Drill:
    """Return the drill with this name. If there is none, raises a LabError that lists all names."""
    found = next((each for each in DRILLS if each.name == name), None)
    if not found:
        raise LabError(f"there is no drill {name!r}: set D= to one of {', '.join(each.name for each in DRILLS)}.")
    return found
