"""How workers start and die, and exceptions past Django."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD
from grafana.boards.uwsgi.requests import WORKER
from grafana.boards.uwsgi.workers import AGE_BY_WORKER

KILLED = Query("sum(increase(uwsgi_worker_harakiri_count_total{$selector}[$__range]))", instant=True)

STARTED = Query("60 * sum(rate(uwsgi_worker_respawn_count_total{$selector}[$__rate_interval]))", "started")
HARAKIRI = Query("60 * sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
AGE = Query(AGE_BY_WORKER, WORKER)
ESCAPED = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "seen by uWSGI")
ESCAPED_THE_APP = Query(
    "sum(rate(uwsgi_worker_app_exceptions_total{$selector}[$__rate_interval]))", "of the application"
)


def killed() -> Panel:
    return stat(
        "Killed by harakiri",
        "short",
        "Workers killed in the time shown because a request took too long. Good is 0.",
        KILLED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="Harakiri",
    )


def starts_and_kills() -> Panel:
    return timeseries(
        "Starts and kills",
        "suffix: /min",
        "Workers started and killed a minute. A start now and then is planned, after so many requests; a start"
        " with each kill is a request that never ends.",
        STARTED,
        HARAKIRI,
        runbook="WorkerRespawnLoop",
    )


def age() -> Panel:
    return timeseries(
        "Age of workers",
        "s",
        "Since each was started last. Long teeth at different times are good; all falling at once is a deploy,"
        " short teeth are workers that die.",
        AGE,
    )


def exceptions() -> Panel:
    return timeseries(
        "Exceptions past Django",
        "suffix: exceptions/s",
        "Exceptions that left the application. Django turns its own into a 500, so anything but 0 is broken"
        " outside of it.",
        ESCAPED,
        ESCAPED_THE_APP,
        runbook="WorkerExceptions",
    )
