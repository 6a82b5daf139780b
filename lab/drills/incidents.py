"""The game's incidents: faults in different tiers with the same symptom, and the evidence for each of them."""

from dataclasses import dataclass

from lab.drills import faults
from lab.drills.catalogue import CHECKOUT_AND_ALL
from lab.drills.faults import Fault

TIERS = ("nginx", "uwsgi", "django", "database")
#: What users report.
SYMPTOMS = {
    "slow": "Users report that pages are very slow.",
    "502": "Users report 502 Bad Gateway.",
    "504": "Users report that pages load for a long time and then show 504 Gateway Timeout.",
    "errors": "Some users report that they get an error or no response instead of a page.",
}
RISES, FALLS, SAME = "rises", "falls", "unchanged"
#: The window of rates: four scrapes.
WINDOW = "20s"
#: How far a signal may change because of noise in the scrapes or in the load, by unit.
NOISE = {"per second": 0.3, "ratio": 0.3, "count": 3, "s": 0.1, "1 or 0": 0.5}
#: The noise for events that never happen in a healthy lab: a single event in the window counts as a change.
RARE = 0.02


@dataclass(frozen=True)
class Signal:
    """A measurement of one tier: a query with one value, its unit, and the panel that shows it.

    A change of at most ``noise`` is ignored; 0 means the default for the unit in ``NOISE``.
    """

    name: str
    tier: str
    unit: str
    panel: str
    expr: str
    noise: float = 0


@dataclass(frozen=True)
class Incident:
    """One incident: its symptom (a key of ``SYMPTOMS``), the tier and cause to find, and the fault.

    ``evidence`` lists the signals that distinguish this cause from the others, and how each signal changes. The
    evidence appears within ``seconds``.
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
        "responses",
        "nginx",
        "per second",
        "Overview: NGINX traffic",
        f'sum(rate(nginx_http_responses_total{{route!~"refused|redirect"}}[{WINDOW}]))',
    ),
    Signal(
        "connections dropped",
        "nginx",
        "per second",
        "NGINX: Dropped connections",
        f"sum(rate(nginx_connections_accepted[{WINDOW}])) - sum(rate(nginx_connections_handled[{WINDOW}]))",
    ),
    Signal(
        "upstream unreachable",
        "uwsgi",
        "per second",
        "Overview: uWSGI errors",
        f'sum(rate(nginx_http_upstream_requests_total{{outcome="unreached"}}[{WINDOW}])) or vector(0)',
    ),
    Signal(
        "upstream sent no response",
        "uwsgi",
        "per second",
        "Overview: uWSGI errors",
        f'sum(rate(nginx_http_upstream_requests_total{{outcome="unanswered"}}[{WINDOW}])) or vector(0)',
        RARE,
    ),
    Signal(
        "requests served by uWSGI",
        "uwsgi",
        "per second",
        "Overview: uWSGI traffic",
        f"sum(rate(uwsgi_worker_requests_total[{WINDOW}])) or vector(0)",
    ),
    Signal(
        "busy workers",
        "uwsgi",
        "ratio",
        "Overview: uWSGI saturation",
        f"avg(avg_over_time(uwsgi_worker_busy[{WINDOW}]))",
    ),
    Signal(
        "requests in the listen queue",
        "uwsgi",
        "count",
        "uWSGI: Listen queue",
        f"max(max_over_time(uwsgi_socket_queue_length[{WINDOW}]))",
    ),
    Signal(
        "workers started",
        "uwsgi",
        "per second",
        "uWSGI: Worker starts and kills",
        f"sum(rate(uwsgi_worker_respawn_count_total[{WINDOW}]))",
    ),
    Signal(
        "workers killed by harakiri",
        "uwsgi",
        "per second",
        "uWSGI: Worker starts and kills",
        f"sum(rate(uwsgi_worker_harakiri_count_total[{WINDOW}]))",
        RARE,
    ),
    Signal(
        "slowest view, mean duration",
        "django",
        "s",
        "Django: Mean response time by view",
        f"max({_mean('django_http_requests_latency_seconds_by_view_method', ' by (view)')} > 0)",
    ),
    Signal(
        "Django 5xx responses",
        "django",
        "per second",
        "Overview: Django errors",
        f'sum(rate(django_http_responses_total_by_status_total{{status=~"5.."}}[{WINDOW}])) or vector(0)',
    ),
    Signal(
        "SQL statements, mean duration",
        "database",
        "s",
        "Overview: Database latency",
        _mean("django_db_query_duration_seconds"),
    ),
    Signal(
        "failed SQL statements",
        "database",
        "per second",
        "Overview: Database errors",
        f"sum(rate(django_db_errors_total[{WINDOW}])) or vector(0)",
    ),
    Signal("database reachable", "database", "1 or 0", "Shop: Database status", "min(pomar_database_up)"),
)
INCIDENTS = (
    Incident(
        "nginx-worker-hangs",
        "slow",
        "nginx",
        "an NGINX worker hangs, together with all connections that it has accepted",
        faults.hanging_nginx_worker,
        (
            ("responses", FALLS),
            ("requests in the listen queue", SAME),
            ("slowest view, mean duration", SAME),
            ("SQL statements, mean duration", SAME),
        ),
    ),
    Incident(
        "traffic-surge",
        "slow",
        "uwsgi",
        "there is more traffic than the workers can handle",
        lambda lab: faults.crowd(lab, 60, paths=("/", "/cart/", "/search/?q=tea")),
        (
            ("requests served by uWSGI", RISES),
            ("requests in the listen queue", RISES),
            ("slowest view, mean duration", SAME),
            ("SQL statements, mean duration", SAME),
        ),
    ),
    Incident(
        "slow-view",
        "slow",
        "django",
        "one view's code has become much slower",
        lambda lab: faults.crowd(lab, 8, "sleep=1.5", ("/search/?q=tea",)),
        (("slowest view, mean duration", RISES), ("busy workers", RISES), ("SQL statements, mean duration", SAME)),
    ),
    Incident(
        "slow-statements",
        "slow",
        "database",
        "SQL statements have become much slower",
        lambda lab: faults.crowd(lab, 8, "db-slow=1.5", ("/search/?q=tea",)),
        (("SQL statements, mean duration", RISES), ("busy workers", RISES)),
    ),
    Incident(
        "uwsgi-away",
        "502",
        "uwsgi",
        "uWSGI is not running",
        lambda lab: faults.stopped(lab, "app"),
        (
            ("upstream unreachable", RISES),
            ("upstream sent no response", SAME),
            ("requests served by uWSGI", FALLS),
        ),
    ),
    Incident(
        "view-kills-worker",
        "502",
        "django",
        "a view's code crashes its worker",
        lambda lab: faults.crowd(lab, 3, "abort"),
        (("upstream sent no response", RISES), ("workers started", RISES), ("workers killed by harakiri", SAME)),
    ),
    Incident(
        "view-never-ends",
        "502",
        "django",
        "a view never returns, and harakiri kills its worker",
        lambda lab: faults.crowd(lab, 2, "sleep=60"),
        (("upstream sent no response", RISES), ("workers killed by harakiri", RISES)),
        seconds=90,
    ),
    Incident(
        "workers-frozen",
        "504",
        "uwsgi",
        "the workers hang while they are idle",
        faults.frozen_workers,
        (("requests served by uWSGI", FALLS), ("requests in the listen queue", RISES), ("busy workers", SAME)),
        seconds=90,
    ),
    Incident(
        "view-too-slow-for-many",
        "504",
        "django",
        "a view that takes seconds receives many requests",
        lambda lab: faults.crowd(lab, 160, "sleep=4", CHECKOUT_AND_ALL),
        (("slowest view, mean duration", RISES), ("busy workers", RISES), ("SQL statements, mean duration", SAME)),
        seconds=90,
    ),
    Incident(
        "statements-hang",
        "504",
        "database",
        "SQL statements take so long that NGINX times out",
        lambda lab: faults.crowd(lab, 30, "db-slow=20"),
        (("busy workers", RISES), ("SQL statements, mean duration", RISES)),
        seconds=90,
    ),
    Incident(
        "no-connection-left",
        "errors",
        "nginx",
        "NGINX has no free connection for new clients",
        lambda lab: faults.slow_clients(lab, 3000),
        (("connections dropped", RISES), ("Django 5xx responses", SAME)),
    ),
    Incident(
        "exception",
        "errors",
        "django",
        "a view raises an exception",
        lambda lab: faults.crowd(lab, 3, "error", CHECKOUT_AND_ALL),
        (("Django 5xx responses", RISES), ("failed SQL statements", SAME), ("database reachable", SAME)),
    ),
    Incident(
        "statement-refused",
        "errors",
        "database",
        "the database rejects the application's SQL statements",
        lambda lab: faults.crowd(lab, 3, "db-error", CHECKOUT_AND_ALL),
        (("Django 5xx responses", RISES), ("failed SQL statements", RISES), ("database reachable", SAME)),
    ),
    Incident(
        "database-away",
        "errors",
        "database",
        "the database is not running",
        lambda lab: faults.stopped(lab, "postgres"),
        (("database reachable", FALLS), ("Django 5xx responses", RISES)),
        needs=("postgres",),
    ),
)
