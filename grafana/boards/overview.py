"""The whole way of a request: the promise to visitors, and each tier's traffic, errors, time and saturation."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Column, PanelOptions, bar_gauge, stat, table, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile, quantiles
from grafana.boards.thresholds import AVAILABILITY_OBJECTIVE, LATENCY_OBJECTIVE_SECONDS, NONE_IS_GOOD, SLOW, UP

#: The share of answers that must be there within the latency objective.
IN_TIME_OBJECTIVE = 0.95
#: Four panels a line: every tier's traffic, errors, time and saturation stand below each other.
QUARTER: PanelOptions = {"width": 6, "height": 8}
ALMOST_FULL = ((None, "transparent"), (0.9, "red"))

# The promise, without what NGINX refuses or redirects to HTTPS, which never asks the shop. The probe counts as a
# visitor, so that an outage is seen when nobody else is there.
VISITORS = '$selector,route!~"refused|redirect"'
ASKED = f"sum(increase(nginx_http_responses_total{{{VISITORS}}}[$__range]))"
FAILED = or_zero(f'sum(increase(nginx_http_responses_total{{{VISITORS},status=~"5.."}}[$__range]))', ASKED)
OUTSIDE = Query("min(probe_success{$selector})")
AVAILABILITY = Query(f"1 - {FAILED} / ({ASKED} > 0)", instant=True)
BUDGET_LEFT = Query(f"1 - {FAILED} / ({ASKED} > 0) / (1 - {AVAILABILITY_OBJECTIVE})", instant=True)
IN_TIME = Query(
    f'sum(increase(nginx_http_request_duration_seconds_bucket{{{VISITORS},le="{LATENCY_OBJECTIVE_SECONDS}"}}[$__range]))'
    f" / (sum(increase(nginx_http_request_duration_seconds_count{{{VISITORS}}}[$__range])) > 0)",
    instant=True,
)
REQUESTS_IN_DJANGO = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
ORDERS = Query(
    "60 * " + or_zero('sum(rate(pomar_orders_total{$selector,outcome="placed"}[$__rate_interval]))', REQUESTS_IN_DJANGO)
)
FIRING = Query('count(ALERTS{$selector,alertstate="firing",alertname!="Watchdog"}) or vector(0)')
# The value of ALERTS_FOR_STATE is when the alert became active; Grafana wants milliseconds.
FIRING_SINCE = Query(
    'ALERTS_FOR_STATE{$selector} * 1000 and ignoring (alertstate) ALERTS{$selector,alertstate="firing"}'
)

# NGINX
ANSWERS = "sum(rate(nginx_http_responses_total{$selector}[$__rate_interval]))"
PASSED_ON = "sum(rate(nginx_http_upstream_requests_total{$selector}[$__rate_interval]))"
OF_THE_SHOP = or_zero(
    'sum(rate(nginx_http_responses_total{$selector,status=~"5..",status!~"502|504"}[$__rate_interval]))', ANSWERS
)
OF_NO_ANSWER = or_zero('sum(rate(nginx_http_responses_total{$selector,status=~"502|504"}[$__rate_interval]))', ANSWERS)
CONNECTIONS = [
    Query(f"sum(nginx_connections_{state}{{$selector}})", state) for state in ("reading", "writing", "waiting")
]

# uWSGI
SERVED = Query("sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))", "requests")
HARAKIRI = Query("sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
ESCAPED = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "exceptions")
NO_ANSWER = [
    Query(
        or_zero(
            f'sum(rate(nginx_http_upstream_requests_total{{$selector,outcome="{outcome}"}}[$__rate_interval]))',
            PASSED_ON,
        ),
        outcome,
    )
    for outcome in ("unanswered", "unreached")
]
TIME_IN_WORKER = Query(
    "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
    " / sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))",
    "mean in a worker",
)
TIME_WITH_QUEUE = Query(
    "sum(rate(nginx_http_upstream_response_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(nginx_http_upstream_response_duration_seconds_count{$selector}[$__rate_interval]))",
    "mean, waiting included",
)
# Busy is a look at one moment: it misses short requests, and sees the stuck one that the time spent does not have yet.
WORKERS_BUSY = Query("avg(avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval]))", "seen busy")
WORKER_TIME = Query(
    "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval])) / sum(uwsgi_workers{$selector})",
    "worker time used",
)
QUEUE_FULL = Query(
    "sum(uwsgi_socket_queue_length{$selector}) / sum(uwsgi_socket_max_queue_length{$selector})", "listen queue used"
)

# Django
REACHED_DJANGO = Query(REQUESTS_IN_DJANGO, "requests")
LEFT_DJANGO = Query(
    "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))", "responses"
)
# Until a view fails there is no series: the line "none" then says so.
FAILING_VIEWS = Query(
    or_none(
        'sum by (view) (rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}'
        "[$__rate_interval]))",
        "view",
        REQUESTS_IN_DJANGO,
    ),
    "{{view}}",
)
IN_DJANGO = "django_http_requests_latency_including_middlewares_seconds_bucket{$selector}"
CORES_USED = Query("sum(rate(pomar_workers_cpu_seconds_total{$selector}[$__rate_interval]))", "cores used")
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "workers")

# The database
STATEMENTS = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
STATEMENTS_FAILED = or_zero("sum(rate(django_db_errors_total{$selector}[$__rate_interval]))", STATEMENTS)
NOT_CONNECTED = or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", STATEMENTS)
STATEMENT_TIMES = "django_db_query_duration_seconds_bucket{$selector}"
STATEMENT_MEAN = Query(
    "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(django_db_query_duration_seconds_count{$selector}[$__rate_interval]))",
    "mean",
)
STATEMENT_QUANTILES = [Query(quantile(q, STATEMENT_TIMES), f"p{q * 100:g}") for q in (0.95, 0.99)]
CONNECTIONS_USED = Query(
    'sum(pg_stat_activity_count{$selector,usename!=""}) / sum(pg_settings_max_connections{$selector})',
    "connections used",
)

# The cache
READS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = Query(or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", READS), "hits")
MISSES = Query(or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", READS), "misses")
READS_FAILED = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", READS)
# What only whoever watches or connects sends is no visitor's time.
FOR_VISITORS = '$selector,cmd!~"(acl|auth|client|config|hello|info|latency|ping|select|slowlog).*"'
COMMAND_TIME = Query(
    f"sum(rate(redis_commands_duration_seconds_total{{{FOR_VISITORS}}}[$__rate_interval]))"
    f" / (sum(rate(redis_commands_total{{{FOR_VISITORS}}}[$__rate_interval])) > 0)",
    "mean",
)
MEMORY_USED = Query(
    "sum(redis_memory_used_bytes{$selector}) / (sum(redis_memory_max_bytes{$selector}) > 0)", "memory used"
)

# From outside
PHASES = Query("sum by (instance, phase) (probe_http_duration_seconds{$selector})", "{{instance}} {{phase}}")
PROBES = Query("max by (instance) (probe_duration_seconds{$selector})", "{{instance}}")
CERTIFICATE = Query("min(probe_ssl_earliest_cert_expiry{$selector}) - time()")
TARGETS = Query("avg by (job) (up{$selector})", "{{job}}")

DASHBOARD = Dashboard(
    uid="pomar-overview",
    title="Overview",
    description="Is the shop as good as promised, and if not, which tier is at fault: read from the top down.",
    of="up",
    rows=(
        Row(
            "The promise",
            (
                stat(
                    "The shop from outside",
                    "short",
                    "Whether a visitor from outside gets the right answer, over TLS and redirected to it. Down: look at"
                    " the tiers from the top.",
                    OUTSIDE,
                    thresholds=UP,
                    mappings=UP_OR_DOWN,
                    sparkline=False,
                    runbook="ShopUnreachable",
                ),
                stat(
                    "Availability",
                    "percentunit",
                    "Share of visitors' requests without a 5xx, in the time shown. The objective is"
                    f" {AVAILABILITY_OBJECTIVE:.1%}. What never reached NGINX is not in it.",
                    AVAILABILITY,
                    thresholds=((None, "red"), (AVAILABILITY_OBJECTIVE, "green")),
                    sparkline=False,
                    decimals=3,
                ),
                stat(
                    "Error budget left",
                    "percentunit",
                    "Of the errors that the objective allows in the time shown. 100% is none spent; below 0 the promise"
                    " is broken.",
                    BUDGET_LEFT,
                    thresholds=((None, "red"), (0, "orange"), (0.25, "green")),
                    sparkline=False,
                    runbook="ErrorBudgetBurn",
                ),
                stat(
                    f"Answered in {LATENCY_OBJECTIVE_SECONDS} s",
                    "percentunit",
                    f"Share of visitors' requests answered within {LATENCY_OBJECTIVE_SECONDS} s, in the time shown."
                    f" The objective is {IN_TIME_OBJECTIVE:.0%}.",
                    IN_TIME,
                    thresholds=((None, "red"), (IN_TIME_OBJECTIVE, "green")),
                    sparkline=False,
                    decimals=2,
                ),
                stat(
                    "Orders",
                    "suffix: orders/min",
                    "Orders placed a minute: what all tiers are there for. A fall while requests go on is a fault that"
                    " no status tells.",
                    ORDERS,
                ),
                stat(
                    "Alerts firing",
                    "short",
                    "Without the watchdog, which always fires. Good is 0.",
                    FIRING,
                    thresholds=NONE_IS_GOOD,
                ),
                table(
                    "What is firing",
                    "The watchdog alone is good: it shows that alerts are evaluated. Any other row is to be acted on.",
                    (
                        Column("alertname", "Alert"),
                        Column("severity", "Severity"),
                        Column("job", "Job"),
                        Column("instance", "Instance"),
                        Column("#A", "Active since", unit="dateTimeFromNow"),
                    ),
                    FIRING_SINCE,
                    height=6,
                ),
            ),
        ),
        Row(
            "NGINX",
            (
                timeseries(
                    "NGINX traffic",
                    "reqps",
                    "All answers, and the requests passed on to uWSGI; the rest are static files, redirects and"
                    " refusals. A fall to nothing is worse than a rise.",
                    Query(ANSWERS, "answers"),
                    Query(PASSED_ON, "passed on to uWSGI"),
                    **QUARTER,
                ),
                timeseries(
                    "NGINX errors",
                    "reqps",
                    "Good is 0. The shop's own 5xx come from Django; 502 and 504 mean that uWSGI gave no answer.",
                    Query(OF_THE_SHOP, "the shop's own 5xx"),
                    Query(OF_NO_ANSWER, "502, 504"),
                    **QUARTER,
                ),
                timeseries(
                    "NGINX time",
                    "s",
                    "What visitors wait, static files included. Good is a p95 well below the red line. Compare with the"
                    " times below to see where it is spent.",
                    *quantiles("nginx_http_request_duration_seconds_bucket{$selector}"),
                    thresholds=SLOW,
                    **QUARTER,
                ),
                timeseries(
                    "NGINX saturation",
                    "short",
                    "Open connections. Writing grows when what is behind is slow; waiting only follows the number of"
                    " visitors.",
                    *CONNECTIONS,
                    stacked=True,
                    **QUARTER,
                ),
            ),
        ),
        Row(
            "uWSGI",
            (
                timeseries(
                    "uWSGI traffic",
                    "reqps",
                    "Requests that workers finished. It follows what NGINX passes on; less means that requests wait or"
                    " die.",
                    SERVED,
                    **QUARTER,
                ),
                timeseries(
                    "uWSGI errors",
                    "reqps",
                    "Good is 0. Killed by harakiri took too long; unanswered is what NGINX saw of it; unreached found"
                    " uWSGI down or its queue full.",
                    HARAKIRI,
                    ESCAPED,
                    *NO_ANSWER,
                    **QUARTER,
                ),
                timeseries(
                    "uWSGI time",
                    "s",
                    "Mean time in a worker, and the same as NGINX waits for it. The lines lie close together; a gap is"
                    " time spent in the queue.",
                    TIME_IN_WORKER,
                    TIME_WITH_QUEUE,
                    **QUARTER,
                ),
                timeseries(
                    "uWSGI saturation",
                    "percentunit",
                    "Share of the workers' time spent in requests, of workers seen in one, and of the listen queue in"
                    " use. Seen busy alone means stuck; a queue that stays above 0 means too few workers.",
                    WORKER_TIME,
                    WORKERS_BUSY,
                    QUEUE_FULL,
                    max=1,
                    thresholds=ALMOST_FULL,
                    **QUARTER,
                ),
            ),
        ),
        Row(
            "Django",
            (
                timeseries(
                    "Django traffic",
                    "reqps",
                    "Requests that reached Django and responses that left it. The lines lie on each other; a gap is"
                    " requests that were killed or are stuck.",
                    REACHED_DJANGO,
                    LEFT_DJANGO,
                    **QUARTER,
                ),
                timeseries(
                    "Django errors",
                    "reqps",
                    "Responses of 500 and above by view. Good is none; one view is a bug, all views are what they"
                    " share.",
                    FAILING_VIEWS,
                    **QUARTER,
                ),
                timeseries(
                    "Django time",
                    "s",
                    "A whole request in Django, middlewares included, the database and the cache as well.",
                    *quantiles(IN_DJANGO),
                    thresholds=SLOW,
                    **QUARTER,
                ),
                timeseries(
                    "Django saturation",
                    "suffix: cores",
                    "CPU cores that the workers use together. A worker can use one at most, and the container's limit"
                    " may come sooner. Flat at a ceiling while times grow: too little CPU.",
                    CORES_USED,
                    CORES_LIMIT,
                    overrides={"workers": LIMIT},
                    **QUARTER,
                ),
            ),
        ),
        Row(
            "Database",
            (
                timeseries(
                    "Database traffic",
                    "suffix: statements/s",
                    "Statements as Django sends them. It follows Django's requests; a rise without them is a page that"
                    " asks too often.",
                    Query(STATEMENTS, "statements"),
                    **QUARTER,
                ),
                timeseries(
                    "Database errors",
                    "suffix: errors/s",
                    "Good is 0. Failed statements are wrong, locked or cut off; failed connections are a database that"
                    " is down or full.",
                    Query(STATEMENTS_FAILED, "statements failed"),
                    Query(NOT_CONNECTED, "connections failed"),
                    **QUARTER,
                ),
                timeseries(
                    "Database time",
                    "s",
                    "Time of a statement as Django waits for it. Good is a p95 below 5 ms, the finest step that is"
                    " counted. Slow here and slow above is the database's fault.",
                    STATEMENT_MEAN,
                    *STATEMENT_QUANTILES,
                    **QUARTER,
                ),
                timeseries(
                    "Database saturation",
                    "percentunit",
                    "Connections against what PostgreSQL takes at most. At 100% it refuses the next one.",
                    CONNECTIONS_USED,
                    max=1,
                    thresholds=ALMOST_FULL,
                    needs=("postgres",),
                    **QUARTER,
                ),
            ),
        ),
        Row(
            "Cache",
            (
                timeseries(
                    "Cache traffic",
                    "rps",
                    "Reads of the cache by Django. Mostly hits is good; more misses are more work for the database.",
                    HITS,
                    MISSES,
                    stacked=True,
                    **QUARTER,
                ),
                timeseries(
                    "Cache errors",
                    "rps",
                    "Reads that failed. Good is 0: else the cache is down, and the shop goes on without it, slower.",
                    Query(READS_FAILED, "failed reads"),
                    **QUARTER,
                ),
                timeseries(
                    "Cache time",
                    "s",
                    "Mean time that the cache works on a command of the shop. Good is microseconds.",
                    COMMAND_TIME,
                    needs=("redis",),
                    **QUARTER,
                ),
                timeseries(
                    "Cache saturation",
                    "percentunit",
                    "Memory against the limit; empty where there is none. At 100% the keys used least are dropped,"
                    " which shows as misses.",
                    MEMORY_USED,
                    max=1,
                    thresholds=ALMOST_FULL,
                    needs=("redis",),
                    **QUARTER,
                ),
            ),
        ),
        Row(
            "From outside",
            (
                timeseries(
                    "Probe by phase",
                    "s",
                    "Where a visitor's time goes: connect and tls are the network and NGINX, processing is the shop.",
                    PHASES,
                    stacked=True,
                    width=12,
                ),
                timeseries(
                    "Whole probe",
                    "s",
                    "By address that is asked. A probe that takes its full timeout got no answer.",
                    PROBES,
                    width=6,
                ),
                bar_gauge(
                    "Targets up",
                    "percentunit",
                    "Share of each job's targets that Prometheus can read. Below 100% figures of that job are missing.",
                    TARGETS,
                    max=1,
                    thresholds=UP,
                    width=6,
                ),
                stat(
                    "Certificate ends in",
                    "s",
                    "The first certificate of the chain to end. Renew it in good time: red is less than a week.",
                    CERTIFICATE,
                    thresholds=((None, "red"), (7 * 86400, "orange"), (14 * 86400, "green")),
                    sparkline=False,
                    width=24,
                    height=3,
                    runbook="CertificateEnding",
                ),
            ),
        ),
    ),
)
