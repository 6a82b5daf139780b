"""The workers' requests, response times and bytes sent."""

from grafana.boards.objectives import Objective, too_slow
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query

# Every instance has a worker 1, so the instance is part of the name.
WORKER = "{{instance}} {{worker_id}}"
FINISHED = "sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))"
# Its type is gauge, but uWSGI only ever adds to it. It is kept in shared memory, so it survives a worker restart.
SECONDS_WORKED = "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
ACTUAL_MEAN = f"{SECONDS_WORKED} / ({FINISHED} > 0)"
REQUESTS = Query(FINISHED)
MEAN = Query(ACTUAL_MEAN)
OF_ALL = Query(FINISHED, "uWSGI")
OF_THE_APP = Query("sum(rate(uwsgi_worker_app_requests_total{$selector}[$__rate_interval]))", "application")

ACTUAL = Query(ACTUAL_MEAN, "actual mean")
DOCUMENTED = Query(
    "avg(uwsgi_worker_average_response_time_seconds{$selector})", "uwsgi_worker_average_response_time_seconds"
)
CPU_PER_REQUEST = Query(
    f"sum(rate(pomar_workers_cpu_seconds_total{{$selector}}[$__rate_interval])) / ({FINISHED} > 0)", "CPU time"
)
SENT = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_transmitted_bytes_total{$selector}[$__rate_interval]))", WORKER
)


def rate() -> Panel:
    return stat(
        "Request rate",
        "reqps",
        "Requests that workers have finished. The rate follows the number of visitors. If it is zero although people"
        " are using the shop, something is broken.",
        REQUESTS,
    )


def mean_time(objective: Objective) -> Panel:
    return stat(
        "Mean response time",
        "s",
        f"Mean time in a worker over all requests. Should be far below the objective of {objective.within:g} s,"
        " because a mean hides the few slow requests.",
        MEAN,
        thresholds=too_slow(objective),
    )


def uwsgi_and_application() -> Panel:
    return timeseries(
        "Request rate: uWSGI and application",
        "reqps",
        "Requests served by uWSGI, and how many of them the application handled. The application's counter starts from"
        " 0 with each new worker, so a short gap is a restart. If the gap stays, the application failed to load.",
        OF_ALL,
        OF_THE_APP,
    )


def mean_and_documented_average() -> Panel:
    return timeseries(
        "Mean response time: actual and documented",
        "s",
        "The actual mean is the time spent on requests divided by the number of finished requests. The documented"
        " metric averages the last request with its own previous value. So it jumps, and it does not change while a"
        " worker is idle.",
        ACTUAL,
        DOCUMENTED,
    )


def mean_and_cpu_time() -> Panel:
    return timeseries(
        "Mean response time and CPU time",
        "s",
        "The gap between the lines is time spent waiting for the database, the cache or a CPU. If both rise together,"
        " the shop's own code is slow. If only CPU time spikes, workers are starting.",
        ACTUAL,
        CPU_PER_REQUEST,
    )


def bytes_sent() -> Panel:
    return timeseries(
        "Bytes sent by worker",
        "Bps",
        "Bytes sent before NGINX compresses them, including headers. They follow the requests; a rise without more"
        " requests means larger pages.",
        SENT,
        stacked=True,
    )
