"""uWSGI: how busy its workers are and who waits for one, how long they take, how they die, and what they cost."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Column, stat, table, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import LATENCY_OBJECTIVE_SECONDS, NONE_IS_GOOD, SHARE_USED, UP

# Of several instances each has a worker 1.
WORKER = "{{instance}} {{worker_id}}"
FINISHED = "sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))"
# A gauge by its type, but uWSGI only ever adds to it, in the master's memory, so that it outlives its worker.
SECONDS_WORKED = "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
TRUE_MEAN = f"{SECONDS_WORKED} / ({FINISHED} > 0)"

REACHED = Query("min(uwsgi_up{$selector})")
SHARE_BUSY = Query("avg(avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval]))")
WAITING = Query("sum(uwsgi_listen_queue_length{$selector})")
REQUESTS = Query(FINISHED)
MEAN = Query(TRUE_MEAN)
KILLED = Query("sum(increase(uwsgi_worker_harakiri_count_total{$selector}[$__range]))", instant=True)

# Looks at single moments, hence their mean.
STATES = [
    Query(f"sum(avg_over_time(uwsgi_worker_{state}{{$selector}}[$__rate_interval]))", name)
    for state, name in (("busy", "busy"), ("idle", "idle"), ("cheap", "stopped to save memory"))
]
WORKERS = Query("sum(uwsgi_workers{$selector})", "all workers")
QUEUED = Query(
    "sum by (instance, name) (max_over_time(uwsgi_socket_queue_length{$selector}[$__rate_interval]))",
    "{{instance}} {{name}}",
)
QUEUE_LIMIT = Query("min(uwsgi_socket_max_queue_length{$selector})", "limit")
WORKED_BY_WORKER = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))", WORKER
)
REQUESTS_BY_WORKER = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))", WORKER
)
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

STARTED = Query("60 * sum(rate(uwsgi_worker_respawn_count_total{$selector}[$__rate_interval]))", "started")
HARAKIRI = Query("60 * sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
AGE_BY_WORKER = "time() - max by (instance, worker_id) (uwsgi_worker_last_spawn_time_seconds{$selector} > 0)"
AGE = Query(AGE_BY_WORKER, WORKER)
ESCAPED = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "seen by uWSGI")
ESCAPED_THE_APP = Query(
    "sum(rate(uwsgi_worker_app_exceptions_total{$selector}[$__rate_interval]))", "of the application"
)

# A column each: 1 is yes.
BUSY = Query("max by (instance, worker_id) (uwsgi_worker_busy{$selector})")
ACCEPTS = Query("max by (instance, worker_id) (uwsgi_worker_accepting{$selector})")
APPS = Query("max by (instance, worker_id) (uwsgi_worker_apps{$selector})")
SINCE_START = Query("max by (instance, worker_id) (uwsgi_worker_delta_requests{$selector})")
STARTS = Query("max by (instance, worker_id) (uwsgi_worker_respawn_count_total{$selector})")
LOADING = Query("max by (instance, worker_id) (uwsgi_worker_app_startup_time_seconds{$selector})")

# A worker has not measured anything before its first request.
MEMORY = Query("sum by (instance, worker_id) (uwsgi_worker_rss_bytes{$selector} > 0)", WORKER)
MEMORY_BY_UWSGI = Query("sum(uwsgi_worker_rss_bytes{$selector} > 0)", "resident, after the last request")
MEMORY_BY_SYSTEM = Query("sum(pomar_worker_resident_memory_bytes{$selector})", "resident, now")
MEMORY_VIRTUAL = Query("sum(uwsgi_worker_vsz_bytes{$selector} > 0)", "virtual")
CORES = Query("sum(rate(pomar_workers_cpu_seconds_total{$selector}[$__rate_interval]))", "used")
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "one a worker")
FILES = Query("sum by (instance, worker_id) (pomar_worker_open_fds{$selector})", WORKER)

LAST_LOOK = Query("max(uwsgi_exporter_last_scrape_error{$selector})")
COUNTING = Query("time() - min(pomar_counters_start_time_seconds{$selector})", instant=True)
LOOKS = Query("sum(rate(uwsgi_exporter_scrapes_total{$selector}[$__rate_interval]))", "looks")
LOOKS_FAILED = Query("sum(rate(uwsgi_exporter_scrape_errors_total{$selector}[$__rate_interval]))", "failed")
LOOK_TIME = Query(
    "sum(rate(uwsgi_exporter_scrape_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(uwsgi_exporter_scrape_duration_seconds_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
SIGNALS_WAITING = [
    Query("sum(uwsgi_signal_queue_length{$selector})", "wait at the master"),
    Query("sum(uwsgi_worker_signal_queue_length{$selector})", "wait at workers"),
]
SIGNALS = Query("sum(rate(uwsgi_worker_signals_total{$selector}[$__rate_interval]))", "handled")

DASHBOARD = Dashboard(
    uid="pomar-uwsgi",
    title="uWSGI",
    description="The workers: how busy they are, who waits for one, how long they take, how they die, what they cost.",
    of='{__name__=~"uwsgi_up|pomar_workers_cpu_seconds_total"}',
    rows=(
        Row(
            "Now",
            (
                stat(
                    "uWSGI",
                    "short",
                    "Whether the exporter reaches uWSGI's statistics. They come from the master, so they answer while"
                    " all workers are stuck.",
                    REACHED,
                    thresholds=UP,
                    mappings=UP_OR_DOWN,
                    sparkline=False,
                    runbook="UwsgiDown",
                ),
                stat(
                    "Workers busy",
                    "percentunit",
                    "Share of workers that were seen in a request. Good is below 70%; at 100% the next request waits.",
                    SHARE_BUSY,
                    thresholds=SHARE_USED,
                    runbook="WorkersSaturated",
                ),
                stat(
                    "Waiting for a worker",
                    "short",
                    "Connections in the listen queue. Good is 0; one that stays means too few workers or stuck ones.",
                    WAITING,
                    thresholds=((None, "green"), (1, "orange"), (10, "red")),
                ),
                stat(
                    "Requests",
                    "reqps",
                    "Requests that workers finished. It follows the visitors; nothing while people shop is a fault.",
                    REQUESTS,
                ),
                stat(
                    "Mean response time",
                    "s",
                    "Time in a worker, over all requests. Good is far below the objective of"
                    f" {LATENCY_OBJECTIVE_SECONDS} s; it hides the slow few.",
                    MEAN,
                    thresholds=((None, "green"), (LATENCY_OBJECTIVE_SECONDS, "red")),
                ),
                stat(
                    "Killed by harakiri",
                    "short",
                    "Workers killed in the time shown because a request took too long. Good is 0.",
                    KILLED,
                    thresholds=NONE_IS_GOOD,
                    sparkline=False,
                    runbook="Harakiri",
                ),
            ),
        ),
        Row(
            "Workers",
            (
                timeseries(
                    "Busy and idle workers",
                    "short",
                    "Workers seen in a request, on average, and those that wait for one. Busy at the red line means"
                    " that requests queue.",
                    *STATES,
                    WORKERS,
                    overrides={"all workers": LIMIT},
                    width=12,
                    height=9,
                ),
                timeseries(
                    "Listen queue",
                    "short",
                    "Connections that wait for a worker, at the worst, by socket. Good is 0. At the limit NGINX is"
                    " turned away, and visitors get a 504.",
                    QUEUED,
                    QUEUE_LIMIT,
                    overrides={"limit": LIMIT},
                    width=12,
                    height=9,
                    runbook="ListenQueueFilling",
                ),
                timeseries(
                    "Time worked",
                    "percentunit",
                    "Share of its time that each worker spent in requests. It counts a request when it ends, so a stuck"
                    " worker shows 0 here and busy above.",
                    WORKED_BY_WORKER,
                ),
                timeseries(
                    "Requests by worker",
                    "reqps",
                    "Which worker takes a request is chance, so they share alike under load. One at 0 while others work"
                    " is stuck.",
                    REQUESTS_BY_WORKER,
                    stacked=True,
                ),
                timeseries(
                    "Counted twice",
                    "reqps",
                    "Requests that uWSGI served, and those of them that the application did. The application's count"
                    " starts anew with each worker, so a short gap is a restart; one that stays has no application.",
                    OF_ALL,
                    OF_THE_APP,
                ),
                table(
                    "Each worker",
                    "At the end of the time shown. Good is a worker that accepts and has one application. Many starts"
                    " at a low age are workers that die.",
                    (
                        Column("instance", "Instance"),
                        Column("worker_id", "Worker"),
                        Column("#A", "State", mappings={"0": ("not in a request", "green"), "1": ("busy", "orange")}),
                        Column("#B", "Accepts", mappings={"0": ("no", "red"), "1": ("yes", "green")}),
                        Column("#C", "Applications", unit="short"),
                        Column("#D", "Requests since start", unit="short"),
                        Column("#E", "Starts", unit="short"),
                        Column("#F", "Age", unit="s"),
                        Column("#G", "Time to load", unit="s"),
                        Column("#H", "Resident memory", unit="bytes"),
                    ),
                    BUSY,
                    ACCEPTS,
                    APPS,
                    SINCE_START,
                    STARTS,
                    Query(AGE_BY_WORKER),
                    LOADING,
                    MEMORY,
                    height=6,
                ),
            ),
        ),
        Row(
            "Time and bytes",
            (
                timeseries(
                    "Mean response time, true and documented",
                    "s",
                    "True: time worked by requests finished. The documented metric is half the last request and half"
                    " what it was before, so it jumps, and an idle worker goes on showing its last one.",
                    TRUE,
                    DOCUMENTED,
                ),
                timeseries(
                    "Of it, on the CPU",
                    "s",
                    "The gap between the lines is waiting: for the database, the cache, or a CPU. When both rise"
                    " together, the shop's own code is slow; a spike of the CPU alone is workers that start.",
                    TRUE,
                    CPU_A_REQUEST,
                ),
                timeseries(
                    "Bytes sent",
                    "Bps",
                    "By worker, headers included, before NGINX compresses. It follows the requests; more without them"
                    " is larger pages.",
                    SENT,
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Failures and restarts",
            (
                timeseries(
                    "Starts and kills",
                    "suffix: /min",
                    "Workers started and killed a minute. A start now and then is planned, after so many requests; a"
                    " start with each kill is a request that never ends.",
                    STARTED,
                    HARAKIRI,
                    runbook="WorkerRespawnLoop",
                ),
                timeseries(
                    "Age of workers",
                    "s",
                    "Since each was started last. Long teeth at different times are good; all falling at once is a"
                    " deploy, short teeth are workers that die.",
                    AGE,
                ),
                timeseries(
                    "Exceptions past Django",
                    "suffix: exceptions/s",
                    "Exceptions that left the application. Django turns its own into a 500, so anything but 0 is broken"
                    " outside of it.",
                    ESCAPED,
                    ESCAPED_THE_APP,
                    runbook="WorkerExceptions",
                ),
            ),
        ),
        Row(
            "What they cost",
            (
                timeseries(
                    "Memory by worker",
                    "bytes",
                    "Resident memory, as each measured it after its last request. Good is flat; growth until the next"
                    " start is a leak.",
                    MEMORY,
                    width=6,
                    runbook="WorkerMemory",
                ),
                timeseries(
                    "Memory of all workers",
                    "bytes",
                    "What the system sees now beside what the workers measured. Now above the other is a request in"
                    " flight that takes a lot, or workers without a request so far; virtual is reserved, not used.",
                    MEMORY_BY_SYSTEM,
                    MEMORY_BY_UWSGI,
                    MEMORY_VIRTUAL,
                    width=6,
                ),
                timeseries(
                    "CPU",
                    "suffix: cores",
                    "CPU cores that the workers use together, loading the shop at their start included. A worker can"
                    " use one at most.",
                    CORES,
                    CORES_LIMIT,
                    overrides={"one a worker": LIMIT},
                    width=6,
                ),
                timeseries(
                    "Open files",
                    "short",
                    "File descriptors of each worker, connections included. Good is flat; steady growth is a leak that"
                    " ends in errors.",
                    FILES,
                    width=6,
                ),
            ),
        ),
        Row(
            "Who counts",
            (
                timeseries(
                    "Looks at uWSGI",
                    "suffix: looks/s",
                    "The exporter looks at each scrape. Failed is 0, else uWSGI is down or its statistics are closed.",
                    LOOKS,
                    LOOKS_FAILED,
                ),
                timeseries(
                    "Time of a look",
                    "s",
                    "Mean time of a look at the statistics. Good is a few milliseconds; a rise is a master that gets no"
                    " CPU.",
                    LOOK_TIME,
                ),
                timeseries(
                    "Signals",
                    "short",
                    "uWSGI's own signals, for timers and jobs. The shop has none, so 0 is good; any that wait are more"
                    " than workers can handle.",
                    *SIGNALS_WAITING,
                    SIGNALS,
                    overrides={"handled": {"unit": "ops"}},
                ),
                stat(
                    "Last look",
                    "short",
                    "Whether the exporter's last look at uWSGI failed. Then all else here is missing or old.",
                    LAST_LOOK,
                    thresholds=NONE_IS_GOOD,
                    mappings={"0": ("read", "green"), "1": ("failed", "red")},
                    sparkline=False,
                    width=12,
                    height=3,
                ),
                stat(
                    "Counting since",
                    "s",
                    "How long the counters of uWSGI and Django have been counting; a restart sets them to zero.",
                    COUNTING,
                    sparkline=False,
                    width=12,
                    height=3,
                ),
            ),
        ),
    ),
)
