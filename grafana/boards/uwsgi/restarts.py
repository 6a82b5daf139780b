"""Worker starts and kills, and exceptions outside of Django."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD
from grafana.boards.uwsgi.requests import WORKER
from grafana.boards.uwsgi.workers import AGE_BY_WORKER

KILLED = Query("sum(increase(uwsgi_worker_harakiri_count_total{$selector}[$__range]))", instant=True)

STARTED = Query("60 * sum(rate(uwsgi_worker_respawn_count_total{$selector}[$__rate_interval]))", "started")
HARAKIRI = Query("60 * sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
AGE = Query(AGE_BY_WORKER, WORKER)
UNCAUGHT = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "counted by uWSGI")
UNCAUGHT_IN_APP = Query(
    "sum(rate(uwsgi_worker_app_exceptions_total{$selector}[$__rate_interval]))", "counted by the application"
)


def harakiri_kills() -> Panel:
    return stat(
        "Workers killed by harakiri",
        "short",
        "Workers killed in the selected time range because a request took too long. Should be 0.",
        KILLED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="Harakiri",
    )


def starts_and_kills() -> Panel:
    return timeseries(
        "Worker starts and kills",
        "suffix: /min",
        "Workers started and killed per minute. An occasional start is planned (max-requests). If each start comes"
        " with a kill, requests are taking too long.",
        STARTED,
        HARAKIRI,
        runbook="WorkerRespawnLoop",
    )


def age() -> Panel:
    return timeseries(
        "Worker age",
        "s",
        "Time since each worker started. It is healthy if workers reach a high age and restart at different times. If"
        " all lines drop at once, there was a deploy. If the age stays low, workers keep dying.",
        AGE,
    )


def exceptions() -> Panel:
    return timeseries(
        "Uncaught exceptions",
        "suffix: exceptions/s",
        "Exceptions that escaped from the application. Django turns exceptions in views into a 500 response, so"
        " anything above 0 is a problem outside of Django.",
        UNCAUGHT,
        UNCAUGHT_IN_APP,
        runbook="WorkerExceptions",
    )
