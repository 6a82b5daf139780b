"""All drills by name: what breaks, which alerts must fire, and which panel shows it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab.drills import faults
from lab.errors import LabError
from lab.runtimes.base import Runtime


@dataclass(frozen=True)
class Drill:
    """One drill.

    ``alerts`` must fire and be resolved again, ``never`` must not fire meanwhile. ``panel`` is where a person sees it,
    as ``Dashboard: Panel``. ``needs`` is what a runtime must have. ``seconds`` is how long each step may take: until
    all fire, all are told, all are resolved, and the all-clear is told.
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
#: Neither the probe, without which nobody knows of a tier that it is only blind, nor what tells of errors and times.
SOME_EXPORTERS = ("nginx-exporter", "uwsgi-exporter", "pushgateway")
DRILLS = (
    Drill(
        "exporter-stopped",
        "NGINX's exporter is stopped: NGINX is blind, and not down.",
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
        "uWSGI is stopped; NGINX gets no answer.",
        ("UwsgiDown", "UpstreamFailing", "ServerErrors"),
        "NGINX: Upstream requests by outcome",
        lambda lab: faults.stopped(lab, "app"),
    ),
    Drill(
        "database-down",
        "PostgreSQL is stopped under a shop that runs.",
        ("PostgresDown", "DatabaseDown"),
        "PostgreSQL: PostgreSQL status",
        lambda lab: faults.stopped(lab, "postgres"),
        needs=("postgres",),
    ),
    Drill(
        "cache-down",
        "The cache is stopped.",
        ("CacheDown",),
        "Redis: Redis status",
        lambda lab: faults.stopped(lab, "valkey"),
        needs=("redis",),
    ),
    Drill(
        "workers-stuck",
        "Every worker is held for 4 s by each request, and 80 people ask.",
        ("WorkersSaturated", "ListenQueueFilling", "UpstreamSlow"),
        "uWSGI: Listen queue",
        lambda lab: faults.crowd(lab, 80, "sleep=4"),
        # uWSGI works off its queue to the end, though those who waited in it have gone.
        seconds=180,
    ),
    Drill(
        "queue-full",
        "The same with 160 people: the listen queue is full, and who comes then is sent away.",
        ("ListenQueueFilling", "UpstreamFailing"),
        "uWSGI: Listen queue",
        lambda lab: faults.crowd(lab, 160, "sleep=4"),
        seconds=240,
    ),
    Drill(
        "slow-clients",
        "Strangers begin requests and never end them, until NGINX has no connection left (Slowloris).",
        ("ConnectionsDropped",),
        "NGINX: Dropped connections",
        lambda lab: faults.slow_clients(lab, 3000),
    ),
    Drill(
        "slow-view",
        "Pages and checkouts take a second longer, and all wait for a worker.",
        ("UpstreamSlow", "ShoppingLatencyBurnFast", "CheckoutLatencyBurnFast"),
        "NGINX: Upstream requests by outcome",
        lambda lab: faults.crowd(lab, 12, "sleep=1.2", CHECKOUT_AND_ALL),
        # Three of four pages must have been slow over the four minutes of the long window.
        seconds=420,
    ),
    Drill(
        "bad-deploy",
        "A part of the pages and of the checkouts answers 500.",
        ("ServerErrors", "CheckoutFailing", "ShoppingAvailabilityBurnFast", "CheckoutAvailabilityBurnFast"),
        "NGINX: Responses by status",
        lambda lab: faults.crowd(lab, 2, "status=500", CHECKOUT_AND_ALL),
        # The budget stops burning when the two minutes of the short window are over.
        seconds=240,
    ),
    Drill(
        "slow-database",
        "A part of the statements takes 0.15 s.",
        ("SlowQueries",),
        "Django: Query duration",
        lambda lab: faults.crowd(lab, 3, "db-slow=0.15"),
    ),
    Drill(
        "database-errors",
        "A part of the statements is for a table that there is not.",
        ("DatabaseErrors",),
        "Django: Query errors",
        lambda lab: faults.crowd(lab, 2, "db-error"),
    ),
    Drill(
        "connections-leaked",
        "Workers take connections to PostgreSQL and do not give them back.",
        ("PostgresConnectionsNearLimit",),
        "PostgreSQL: Connections by user",
        lambda lab: faults.leaking(lab, "db-leak", pause=0.3),
        needs=("postgres",),
    ),
    Drill(
        "cache-misses",
        "Most of what is asked of the cache it has not.",
        ("CacheHitRatioLow",),
        "Django: Cache hit ratio over time",
        lambda lab: faults.crowd(lab, 2, "cache-miss=100"),
        seconds=150,
    ),
    Drill(
        "cache-full",
        "The cache is filled with what nobody asks for.",
        ("CacheMemoryNearLimit",),
        "Redis: Memory and limit",
        lambda lab: faults.crowd(lab, 1, "cache-fill=1"),
        needs=("redis",),
        seconds=150,
    ),
    Drill(
        "cache-connections-leaked",
        "Workers take connections to the cache and do not give them back.",
        ("CacheConnectionsNearLimit",),
        "Redis: Connections and limit",
        # Fewer than the limit with those in use, and enough while one worker of four or more has been renewed.
        lambda lab: faults.leaking(lab, f"cache-leak={188 // int(lab.settings['UWSGI_WORKERS'])}", 4, pause=0.2),
        needs=("redis",),
    ),
    Drill(
        "worker-killed",
        "A worker is killed in the middle of a request, again and again.",
        ("WorkerRespawnLoop", "UpstreamFailing"),
        "uWSGI: Worker starts and kills",
        lambda lab: faults.crowd(lab, 1, "abort"),
    ),
    Drill(
        "harakiri",
        "A request takes longer than uWSGI allows, and its worker is killed for it.",
        ("Harakiri",),
        "uWSGI: Workers killed by harakiri",
        lambda lab: faults.crowd(lab, 1, "sleep=60"),
        seconds=150,
    ),
    Drill(
        "answer-broken-off",
        "A view fails when a part of its answer is sent already: what it raises reaches uWSGI.",
        ("WorkerExceptions",),
        "uWSGI: Uncaught exceptions",
        lambda lab: faults.crowd(lab, 1, "break-off"),
    ),
    Drill(
        "memory-leak",
        "Workers keep memory that they no longer need.",
        ("WorkerMemory",),
        "uWSGI: Memory by worker",
        # In containers the system ends workers when three or four of them have as much.
        lambda lab: faults.leaking(lab, "leak=100", pause=30),
        seconds=120,
    ),
    Drill(
        "404-flood",
        "A scanner asks for pages that there are not.",
        ("ClientErrors",),
        "NGINX: Responses by status",
        lambda lab: faults.crowd(lab, 8, "", ("/wp-login.php", "/.git/config", "/phpmyadmin/")),
    ),
    Drill(
        "series-flood",
        "Strangers make up addresses, hosts, methods and words: none of it may become a series.",
        ("ClientErrors",),
        "Lab: Series by job",
        lambda lab: faults.strangers(lab, 4),
        never=("SeriesGrowth",),
    ),
    Drill(
        "certificate-ending",
        "NGINX has a certificate that ends in a week.",
        ("CertificateEnding",),
        "Overview: Certificate expires in",
        lambda lab: faults.ending_certificate(lab, 7),
        # Production waits for an hour, the lab for four minutes.
        seconds=300,
    ),
    Drill(
        "unapplied-migration",
        "The code has a migration that the database has not.",
        ("UnappliedMigrations",),
        "Django: Migrations",
        faults.unapplied_migration,
    ),
    Drill(
        "sold-out",
        "People look at products, and nothing can be had.",
        ("NoOrders",),
        "Shop: Orders",
        faults.nothing_in_stock,
        seconds=180,
    ),
    Drill(
        "job-stale",
        "A job that ends has not pushed for longer than it promised.",
        ("PushedJobStale",),
        "Lab: Pushgateway requests",
        lambda lab: faults.stale_job(lab, 15),
    ),
    Drill(
        "pushgateway-stopped",
        "A part of the watching itself is stopped.",
        ("TargetDown",),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, "pushgateway"),
    ),
    Drill(
        "exporters-stopped",
        "Three of those who are scraped are stopped: the budget of fresh metrics burns.",
        ("TierBlind", "MetricsFreshnessBurnFast"),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, *SOME_EXPORTERS),
        # A seventh of all scrapes must have failed over the four minutes of the long window.
        seconds=240,
    ),
    Drill(
        "label-without-bounds",
        "A job pushes a series for each customer.",
        ("SeriesGrowth",),
        "Lab: Series by job",
        lambda lab: faults.unbounded_label(lab, 13000),
    ),
    Drill(
        "rule-fails",
        "A job pushes a metric under a name that a rule reads, and the rule makes one series of two.",
        ("RuleFailures",),
        "Lab: Rule evaluation failures",
        faults.taken_name,
        seconds=120,
    ),
    Drill(
        "config-broken",
        "Prometheus is told to read its rules anew, and one of them it cannot read.",
        ("ConfigReloadFailed",),
        "Lab: Configuration reload",
        faults.broken_rule,
    ),
    Drill(
        "storage-filled",
        "Prometheus has stored nearly all that it may.",
        ("StorageNearBound",),
        "Lab: Storage size",
        lambda lab: faults.filled_storage(lab, 0.95),
        # Prometheus looks for blocks once a minute, and a minute is what production's quarter of an hour is here.
        seconds=180,
    ),
    Drill(
        "slow-burn",
        "Errors, slow pages and missing metrics, all for a while: each budget burns, and is long in ending.",
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
        # It ends when the trouble has left the 24 minutes of the shorter window.
        seconds=1800,
    ),
)


def named(name: str) -> Drill:
    """Return the drill of that name; raises LabError, with the names that there are, for any other."""
    found = next((each for each in DRILLS if each.name == name), None)
    if not found:
        raise LabError(f"{name!r} is no drill: give D= one of {', '.join(each.name for each in DRILLS)}.")
    return found
