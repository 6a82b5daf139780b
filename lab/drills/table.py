"""All drills by name: what breaks, which alerts must fire, and which panel shows it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab.drills import faults
from lab.errors import LabError
from lab.runtime import Runtime


@dataclass(frozen=True)
class Drill:
    """One drill.

    ``alerts`` must fire and be resolved again. ``panel`` is where a person sees it, as ``Dashboard: Panel``. ``needs``
    is what a runtime must have. ``seconds`` is how long the alerts may take to fire, and as long again to be resolved.
    """

    name: str
    what: str
    alerts: tuple[str, ...]
    panel: str
    fault: Callable[[Runtime], AbstractContextManager]
    needs: tuple[str, ...] = ()
    seconds: int = 90


CHECKOUT_AND_ALL = ("/checkout/", "/")
DRILLS = (
    Drill(
        "exporter-stopped",
        "NGINX's exporter is stopped: NGINX is blind, and not down.",
        ("TierBlind",),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, "nginx-exporter"),
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
        "NGINX: Passed on to uWSGI",
        lambda lab: faults.stopped(lab, "app"),
    ),
    Drill(
        "database-down",
        "PostgreSQL is stopped under a shop that runs.",
        ("PostgresDown", "DatabaseDown"),
        "PostgreSQL: PostgreSQL",
        lambda lab: faults.stopped(lab, "postgres"),
        needs=("postgres",),
    ),
    Drill(
        "cache-down",
        "The cache is stopped.",
        ("CacheDown",),
        "Redis: Redis",
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
        "bad-deploy",
        "A part of the pages and of the checkouts answers 500.",
        ("ServerErrors", "CheckoutFailing", "ShoppingAvailabilityBurnFast", "CheckoutAvailabilityBurnFast"),
        "NGINX: By status",
        lambda lab: faults.crowd(lab, 2, "status=500", CHECKOUT_AND_ALL),
        # The budget stops burning when the two minutes of the short window are over.
        seconds=240,
    ),
    Drill(
        "slow-database",
        "A part of the statements takes 0.15 s.",
        ("SlowQueries",),
        "Django: Time of a statement",
        lambda lab: faults.crowd(lab, 3, "db-slow=0.15"),
    ),
    Drill(
        "worker-killed",
        "A worker is killed in the middle of a request, again and again.",
        ("WorkerRespawnLoop", "UpstreamFailing"),
        "uWSGI: Starts and kills",
        lambda lab: faults.crowd(lab, 1, "abort"),
    ),
    Drill(
        "harakiri",
        "A request takes longer than uWSGI allows, and its worker is killed for it.",
        ("Harakiri",),
        "uWSGI: Killed by harakiri",
        lambda lab: faults.crowd(lab, 1, "sleep=60"),
        seconds=150,
    ),
    Drill(
        "memory-leak",
        "Workers keep memory that they no longer need.",
        ("WorkerMemory",),
        "uWSGI: Memory by worker",
        faults.leak,
        seconds=120,
    ),
    Drill(
        "404-flood",
        "A scanner asks for pages that there are not.",
        ("ClientErrors",),
        "NGINX: By status",
        lambda lab: faults.crowd(lab, 8, "", ("/wp-login.php", "/.git/config", "/phpmyadmin/")),
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
        "Lab: Pushgateway",
        lambda lab: faults.stale_job(lab, 15),
    ),
    Drill(
        "pushgateway-stopped",
        "A part of the watching itself is stopped.",
        ("TargetDown",),
        "Lab: Targets",
        lambda lab: faults.stopped(lab, "pushgateway"),
    ),
)


def named(name: str) -> Drill:
    """Return the drill of that name; raises LabError, with the names that there are, for any other."""
    found = next((each for each in DRILLS if each.name == name), None)
    if not found:
        raise LabError(f"{name!r} is no drill: give D= one of {', '.join(each.name for each in DRILLS)}.")
    return found
