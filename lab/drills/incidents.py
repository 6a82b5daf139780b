"""The incidents of the game: faults of different tiers that look alike from outside, and what tells them apart."""

from dataclasses import dataclass

from lab.drills import faults
from lab.drills.catalogue import CHECKOUT_AND_ALL
from lab.drills.faults import Fault

TIERS = ("nginx", "uwsgi", "django", "database")
#: What visitors say.
SYMPTOMS = {
    "slow": "Visitors say that pages take very long.",
    "502": "Visitors see 502 Bad Gateway.",
    "504": "Visitors wait long, and then see 504 Gateway Timeout.",
    "errors": "Some visitors get an error, or nothing, where a page should be.",
}
RISES, FALLS, SAME = "rises", "falls", "stays"
#: Over what rates are taken: four scrapes.
WINDOW = "20s"
#: What a signal of each unit may be and still be as good as nothing: noise of a scrape, or of the load.
NOISE = {"a second": 0.3, "share": 0.3, "count": 3, "s": 0.1, "1 or 0": 0.5}
#: Of what does not happen in a healthy lab, one in the window is not noise.
RARE = 0.02


@dataclass(frozen=True)
class Signal:
    """A figure that speaks of one tier: a query with one value, its unit, and the panel that shows it.

    A change by no more than ``noise`` is none; without it, by what ``NOISE`` has for the unit.
    """

    name: str
    tier: str
    unit: str
    panel: str
    expr: str
    noise: float = 0


@dataclass(frozen=True)
class Incident:
    """One incident: what visitors say (a key of ``SYMPTOMS``), the tier and cause to be found, and the fault itself.

    ``evidence`` has what each signal does that tells this cause from the others. ``seconds`` is how long it takes until
    the evidence is there.
    """

    name: str
    symptom: str
    tier: str
    cause: str
    fault: Fault
    evidence: tuple[tuple[str, str], ...]
    needs: tuple[str, ...] = ()
    seconds: int = 60


def _mean(name: str, by: str = "") -> str:
    parts = (f"sum{by} (rate({name}_{part}[{WINDOW}]))" for part in ("sum", "count"))
    return " / ".join(parts)


SIGNALS = (
    Signal(
        "answers",
        "nginx",
        "a second",
        "Overview: NGINX traffic",
        f'sum(rate(nginx_http_responses_total{{route!~"refused|redirect"}}[{WINDOW}]))',
    ),
    Signal(
        "connections dropped",
        "nginx",
        "a second",
        "NGINX: Dropped connections",
        f"sum(rate(nginx_connections_accepted[{WINDOW}])) - sum(rate(nginx_connections_handled[{WINDOW}]))",
    ),
    Signal(
        "upstream not reached",
        "uwsgi",
        "a second",
        "Overview: uWSGI errors",
        f'sum(rate(nginx_http_upstream_requests_total{{outcome="unreached"}}[{WINDOW}])) or vector(0)',
    ),
    Signal(
        "upstream did not answer",
        "uwsgi",
        "a second",
        "Overview: uWSGI errors",
        f'sum(rate(nginx_http_upstream_requests_total{{outcome="unanswered"}}[{WINDOW}])) or vector(0)',
        RARE,
    ),
    Signal(
        "requests that uWSGI served",
        "uwsgi",
        "a second",
        "Overview: uWSGI traffic",
        f"sum(rate(uwsgi_worker_requests_total[{WINDOW}])) or vector(0)",
    ),
    Signal(
        "workers seen busy",
        "uwsgi",
        "share",
        "Overview: uWSGI saturation",
        f"avg(avg_over_time(uwsgi_worker_busy[{WINDOW}]))",
    ),
    Signal(
        "visitors waiting for a worker",
        "uwsgi",
        "count",
        "uWSGI: Listen queue",
        f"max(max_over_time(uwsgi_socket_queue_length[{WINDOW}]))",
    ),
    Signal(
        "workers started",
        "uwsgi",
        "a second",
        "uWSGI: Worker starts and kills",
        f"sum(rate(uwsgi_worker_respawn_count_total[{WINDOW}]))",
    ),
    Signal(
        "killed by harakiri",
        "uwsgi",
        "a second",
        "uWSGI: Worker starts and kills",
        f"sum(rate(uwsgi_worker_harakiri_count_total[{WINDOW}]))",
        RARE,
    ),
    Signal(
        "slowest view, mean time",
        "django",
        "s",
        "Django: Mean response time by view",
        f"max({_mean('django_http_requests_latency_seconds_by_view_method', ' by (view)')} > 0)",
    ),
    Signal(
        "5xx of Django",
        "django",
        "a second",
        "Overview: Django errors",
        f'sum(rate(django_http_responses_total_by_status_total{{status=~"5.."}}[{WINDOW}])) or vector(0)',
    ),
    Signal(
        "a statement, mean time",
        "database",
        "s",
        "Overview: Database latency",
        _mean("django_db_query_duration_seconds"),
    ),
    Signal(
        "statements refused",
        "database",
        "a second",
        "Overview: Database errors",
        f"sum(rate(django_db_errors_total[{WINDOW}])) or vector(0)",
    ),
    Signal("database reached", "database", "1 or 0", "Shop: Database status", "min(pomar_database_up)"),
)
INCIDENTS = (
    Incident(
        "nginx-worker-hangs",
        "slow",
        "nginx",
        "a worker of NGINX hangs, and so does whoever it has accepted",
        faults.hanging_nginx_worker,
        (
            ("answers", FALLS),
            ("visitors waiting for a worker", SAME),
            ("slowest view, mean time", SAME),
            ("a statement, mean time", SAME),
        ),
    ),
    Incident(
        "traffic-surge",
        "slow",
        "uwsgi",
        "more visitors come than the workers can serve",
        lambda lab: faults.crowd(lab, 60, paths=("/", "/cart/", "/search/?q=tea")),
        (
            ("requests that uWSGI served", RISES),
            ("visitors waiting for a worker", RISES),
            ("slowest view, mean time", SAME),
            ("a statement, mean time", SAME),
        ),
    ),
    Incident(
        "slow-view",
        "slow",
        "django",
        "the code of one view takes far longer",
        lambda lab: faults.crowd(lab, 8, "sleep=1.5", ("/search/?q=tea",)),
        (("slowest view, mean time", RISES), ("workers seen busy", RISES), ("a statement, mean time", SAME)),
    ),
    Incident(
        "slow-statements",
        "slow",
        "database",
        "statements take far longer",
        lambda lab: faults.crowd(lab, 8, "db-slow=1.5", ("/search/?q=tea",)),
        (("a statement, mean time", RISES), ("workers seen busy", RISES)),
    ),
    Incident(
        "uwsgi-away",
        "502",
        "uwsgi",
        "uWSGI does not run",
        lambda lab: faults.stopped(lab, "app"),
        (
            ("upstream not reached", RISES),
            ("upstream did not answer", SAME),
            ("requests that uWSGI served", FALLS),
        ),
    ),
    Incident(
        "view-kills-worker",
        "502",
        "django",
        "the code of a view kills the worker that runs it",
        lambda lab: faults.crowd(lab, 3, "abort"),
        (("upstream did not answer", RISES), ("workers started", RISES), ("killed by harakiri", SAME)),
    ),
    Incident(
        "view-never-ends",
        "502",
        "django",
        "a view does not end, until its worker is killed for it",
        lambda lab: faults.crowd(lab, 2, "sleep=60"),
        (("upstream did not answer", RISES), ("killed by harakiri", RISES)),
        seconds=90,
    ),
    Incident(
        "workers-frozen",
        "504",
        "uwsgi",
        "the workers hang outside of any request",
        faults.frozen_workers,
        (("requests that uWSGI served", FALLS), ("visitors waiting for a worker", RISES), ("workers seen busy", SAME)),
        seconds=90,
    ),
    Incident(
        "view-too-slow-for-many",
        "504",
        "django",
        "a view that takes seconds is asked for by many",
        lambda lab: faults.crowd(lab, 160, "sleep=4", CHECKOUT_AND_ALL),
        (("slowest view, mean time", RISES), ("workers seen busy", RISES), ("a statement, mean time", SAME)),
        seconds=90,
    ),
    Incident(
        "statements-hang",
        "504",
        "database",
        "statements take so long that visitors are given up",
        lambda lab: faults.crowd(lab, 30, "db-slow=20"),
        (("workers seen busy", RISES), ("a statement, mean time", RISES)),
        seconds=90,
    ),
    Incident(
        "no-connection-left",
        "errors",
        "nginx",
        "NGINX has no connection left for whoever comes",
        lambda lab: faults.slow_clients(lab, 3000),
        (("connections dropped", RISES), ("5xx of Django", SAME)),
    ),
    Incident(
        "exception",
        "errors",
        "django",
        "a view raises an exception",
        lambda lab: faults.crowd(lab, 3, "error", CHECKOUT_AND_ALL),
        (("5xx of Django", RISES), ("statements refused", SAME), ("database reached", SAME)),
    ),
    Incident(
        "statement-refused",
        "errors",
        "database",
        "the database refuses statements that the code sends",
        lambda lab: faults.crowd(lab, 3, "db-error", CHECKOUT_AND_ALL),
        (("5xx of Django", RISES), ("statements refused", RISES), ("database reached", SAME)),
    ),
    Incident(
        "database-away",
        "errors",
        "database",
        "the database does not run",
        lambda lab: faults.stopped(lab, "postgres"),
        (("database reached", FALLS), ("5xx of Django", RISES)),
        needs=("postgres",),
    ),
)
