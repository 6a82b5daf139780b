"""What the workers serve: requests, their time, and bytes."""

from grafana.boards.objectives import Objective, too_slow
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query

# Of several instances each has a worker 1.
WORKER = "{{instance}} {{worker_id}}"
FINISHED = "sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))"
# A gauge by its type, but uWSGI only ever adds to it, in the master's memory, so that it outlives its worker.
SECONDS_WORKED = "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
TRUE_MEAN = f"{SECONDS_WORKED} / ({FINISHED} > 0)"
REQUESTS = Query(FINISHED)
MEAN = Query(TRUE_MEAN)
OF_ALL = Query(FINISHED, "uWSGI")
OF_THE_APP = Query("sum(rate(uwsgi_worker_app_requests_total{$selector}[$__rate_interval]))", "application")

TRUE = Query(TRUE_MEAN, "true mean")
DOCUMENTED = Query(
    "avg(uwsgi_worker_average_response_time_seconds{$selector})", "uwsgi_worker_average_response_time_seconds"
)
CPU_A_REQUEST = Query(
    f"sum(rate(pomar_workers_cpu_seconds_total{{$selector}}[$__rate_interval])) / ({FINISHED} > 0)", "on the CPU"
)
SENT = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_transmitted_bytes_total{$selector}[$__rate_interval]))", WORKER
)


def rate() -> Panel:
    return stat(
        "Requests",
        "reqps",
        "Requests that workers finished. It follows the visitors; nothing while people shop is a fault.",
        REQUESTS,
    )


def mean_time(objective: Objective) -> Panel:
    return stat(
        "Mean response time",
        "s",
        "Time in a worker, over all requests. Good is far below the objective of"
        f" {objective.within:g} s; it hides the slow few.",
        MEAN,
        thresholds=too_slow(objective),
    )


def counted_twice() -> Panel:
    return timeseries(
        "Counted twice",
        "reqps",
        "Requests that uWSGI served, and those of them that the application did. The application's count starts"
        " anew with each worker, so a short gap is a restart; one that stays has no application.",
        OF_ALL,
        OF_THE_APP,
    )


def true_and_documented_mean() -> Panel:
    return timeseries(
        "Mean response time, true and documented",
        "s",
        "True: time worked by requests finished. The documented metric is half the last request and half what it"
        " was before, so it jumps, and an idle worker goes on showing its last one.",
        TRUE,
        DOCUMENTED,
    )


def on_the_cpu() -> Panel:
    return timeseries(
        "Of it, on the CPU",
        "s",
        "The gap between the lines is waiting: for the database, the cache, or a CPU. When both rise together,"
        " the shop's own code is slow; a spike of the CPU alone is workers that start.",
        TRUE,
        CPU_A_REQUEST,
    )


def bytes_sent() -> Panel:
    return timeseries(
        "Bytes sent",
        "Bps",
        "By worker, headers included, before NGINX compresses. It follows the requests; more without them is"
        " larger pages.",
        SENT,
        stacked=True,
    )
