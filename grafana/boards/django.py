"""Django: which views are asked for, how they answer and how soon, and what they ask of the database and the cache."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import Column, heatmap, stat, table, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile, quantiles
from grafana.boards.thresholds import LATENCY_OBJECTIVE_SECONDS, NONE_IS_GOOD, SHARE_FOUND, SHARE_OF_ERRORS, SLOW

# The whole of Django, from before all middlewares to after them.
REACHED = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
LEFT = "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))"
WHOLE = "django_http_requests_latency_including_middlewares_seconds_bucket{$selector}"
WHOLE_SECONDS = "sum(rate(django_http_requests_latency_including_middlewares_seconds_sum{$selector}[$__rate_interval]))"
WHOLE_COUNT = "sum(rate(django_http_requests_latency_including_middlewares_seconds_count{$selector}[$__rate_interval]))"
NOT_ANSWERED = Query(
    "sum(django_http_requests_before_middlewares_total{$selector})"
    " - sum(django_http_responses_before_middlewares_total{$selector})",
    "requests without a response",
)

# By view. Responses are counted here, because the latency has a request that ends in an exception twice.
ANSWERED = "rate(django_http_responses_total_by_status_view_method_total{$selector}[$__rate_interval])"
FAILED = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}[$__rate_interval])'
REFUSED = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"4.."}[$__rate_interval])'
IN_VIEW = "django_http_requests_latency_seconds_by_view_method_bucket{$selector}"
RATE_BY_VIEW = Query(f"sum by (view) ({ANSWERED})", "{{view}}")
ERRORS_BY_VIEW = Query(or_none(f"sum by (view) ({FAILED})", "view", REACHED), "{{view}}")
REFUSED_BY_VIEW = Query(or_none(f"sum by (view) ({REFUSED})", "view", REACHED), "{{view}}")
P95_BY_VIEW = Query(quantile(0.95, IN_VIEW, by="view, method"), "{{method}} {{view}}")
MEAN_BY_VIEW = Query(
    "sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__rate_interval]))"
    " / (sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_count{$selector}[$__rate_interval]))"
    " > 0)",
    "{{view}}",
)
# A request whose form is not the shop's own is refused (403) before its view begins.
BEGUN_BY_VIEW = "sum by (view) (django_http_requests_total_by_view_transport_method_total{$selector})"
ENDED_BY_VIEW = 'sum by (view) (django_http_responses_total_by_status_view_method_total{$selector,status!="403"})'
NOT_ENDED_BY_VIEW = Query(f"{BEGUN_BY_VIEW} - {or_zero(ENDED_BY_VIEW, BEGUN_BY_VIEW)}", "{{view}}")

# The table's columns, over the time shown.
ALL_OF_VIEW = "sum by (view) (increase(django_http_responses_total_by_status_view_method_total{$selector}[$__range]))"
REFUSED_OF_VIEW = (
    "sum by (view)"
    ' (increase(django_http_responses_total_by_status_view_method_total{$selector,status=~"4.."}[$__range]))'
)
FAILED_OF_VIEW = (
    "sum by (view)"
    ' (increase(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}[$__range]))'
)
MEAN_OF_VIEW = (
    "sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__range]))"
    " / (sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_count{$selector}[$__range])) > 0)"
)
TIME_OF_VIEW = "sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__range]))"

P95 = Query(quantile(0.95, WHOLE))
SHARE_OF_5XX = Query(f"{or_zero(f'sum({FAILED})', f'sum({ANSWERED})')} / (sum({ANSWERED}) > 0)")

# Responses
BY_STATUS = Query(
    "sum by (status) (rate(django_http_responses_total_by_status_total{$selector}[$__rate_interval]))", "{{status}}"
)
BY_METHOD = Query(
    "sum by (method) (rate(django_http_requests_total_by_method_total{$selector}[$__rate_interval]))", "{{method}}"
)
BY_TRANSPORT = Query(
    "sum by (transport) (rate(django_http_requests_total_by_transport_total{$selector}[$__rate_interval]))",
    "{{transport}}",
)
BY_TEMPLATE = Query(
    "sum by (templatename) (rate(django_http_responses_total_by_templatename_total{$selector}[$__rate_interval]))",
    "{{templatename}}",
)
BY_CHARSET = Query(
    "sum by (charset) (rate(django_http_responses_total_by_charset_total{$selector}[$__rate_interval]))", "{{charset}}"
)
RESPONSE_SIZES = "django_http_responses_body_total_bytes_bucket{$selector}"
REQUEST_SIZES = "django_http_requests_body_total_bytes_bucket{$selector}"
MEAN_RESPONSE = Query(
    "sum(rate(django_http_responses_body_total_bytes_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(django_http_responses_body_total_bytes_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
MEAN_REQUEST = Query(
    "sum(rate(django_http_requests_body_total_bytes_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(django_http_requests_body_total_bytes_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
SELDOM = [
    Query(f"sum(rate(django_http_{name}_total{{$selector}}[$__rate_interval]))", words)
    for name, words in (
        ("ajax_requests", "sent by scripts (ajax)"),
        ("responses_streaming", "streamed"),
        ("requests_unknown_latency", "time in the view unknown"),
        ("requests_unknown_latency_including_middlewares", "whole time unknown"),
    )
]

# Exceptions
BY_TYPE = Query(
    or_none(
        "sum by (type) (rate(django_http_exceptions_total_by_type_total{$selector}[$__rate_interval]))", "type", REACHED
    ),
    "{{type}}",
)
BY_VIEW = Query(
    or_none(
        "sum by (view) (rate(django_http_exceptions_total_by_view_total{$selector}[$__rate_interval]))", "view", REACHED
    ),
    "{{view}}",
)
UNEXPECTED = Query(
    or_zero(
        'sum(rate(django_http_exceptions_total_by_type_total{$selector,type!="Http404"}[$__rate_interval]))', REACHED
    ),
    "exceptions but Http404",
)
ANSWERS_OF_5XX = Query(or_zero(f"sum({FAILED})", REACHED), "5xx")

# The database
STATEMENTS = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
STATEMENTS_IN_BULK = or_zero("sum(rate(django_db_execute_many_total{$selector}[$__rate_interval]))", STATEMENTS)
STATEMENTS_A_REQUEST = Query(f"{STATEMENTS} / ({REACHED} > 0)", "statements")
STATEMENT_TIMES = "django_db_query_duration_seconds_bucket{$selector}"
STATEMENT_SECONDS = "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
STATEMENT_MEAN = Query(
    f"{STATEMENT_SECONDS} / (sum(rate(django_db_query_duration_seconds_count{{$selector}}[$__rate_interval])) > 0)",
    "mean",
)
STATEMENT_QUANTILES = [Query(quantile(q, STATEMENT_TIMES), f"p{q * 100:g}") for q in (0.95, 0.99)]
REQUEST_MEAN = Query(f"{WHOLE_SECONDS} / ({WHOLE_COUNT} > 0)", "whole request")
REQUEST_IN_DATABASE = Query(f"{STATEMENT_SECONDS} / ({WHOLE_COUNT} > 0)", "of it, in the database")
OPENED = Query("sum(rate(django_db_new_connections_total{$selector}[$__rate_interval]))", "opened")
NOT_OPENED = Query(
    or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", STATEMENTS), "failed"
)
STATEMENT_ERRORS = Query(
    or_none("sum by (type) (rate(django_db_errors_total{$selector}[$__rate_interval]))", "type", STATEMENTS), "{{type}}"
)

# The cache
READS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", READS)
MISSES = or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", READS)
READS_FAILED = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", READS)
HIT_RATIO = Query(f"{HITS} / ({READS} > 0)", "hits")
READS_A_REQUEST = Query(f"{READS} / ({REACHED} > 0)", "reads")

# Models and migrations
ROWS = {
    action: Query(f"sum by (model) (rate(django_model_{action}_total{{$selector}}[$__rate_interval]))", "{{model}}")
    for action in ("inserts", "updates", "deletes")
}
UNAPPLIED = Query("sum(django_migrations_unapplied_total{$selector})")
MIGRATIONS = [
    Query(f"sum by (connection) (django_migrations_{state}_total{{$selector}})", f"{state} ({{{{connection}}}})")
    for state in ("applied", "unapplied")
]

DASHBOARD = Dashboard(
    uid="pomar-django",
    title="Django",
    description="Which views are asked for, how they answer and how soon, and what they ask of database and cache.",
    of="django_http_requests_before_middlewares_total",
    rows=(
        Row(
            "Now",
            (
                stat(
                    "Requests",
                    "reqps",
                    "All that reach Django, health checks included. A fall to nothing while NGINX goes on is uWSGI.",
                    Query(REACHED),
                ),
                stat(
                    "5xx",
                    "percentunit",
                    "Share of responses of 500 and above. Good is 0; from 0.1% the objective is being spent.",
                    SHARE_OF_5XX,
                    thresholds=SHARE_OF_ERRORS,
                ),
                stat(
                    "p95",
                    "s",
                    "95 of 100 requests take no longer in Django, middlewares included. Good is well below"
                    f" {LATENCY_OBJECTIVE_SECONDS} s.",
                    P95,
                    thresholds=((None, "green"), (LATENCY_OBJECTIVE_SECONDS, "red")),
                ),
                stat(
                    "Statements a request",
                    "short",
                    "What a request asks of the database on average. Good is a flat line; a step after a deploy is a"
                    " page that asks once a row.",
                    STATEMENTS_A_REQUEST,
                ),
                stat(
                    "Cache hit ratio",
                    "percentunit",
                    "Share of the cache's reads that found something. Good is high; empty while nobody reads.",
                    HIT_RATIO,
                    thresholds=SHARE_FOUND,
                ),
                stat(
                    "Unapplied migrations",
                    "short",
                    "Migrations that the code has and the database has not. Good is 0: else a deploy is half done.",
                    UNAPPLIED,
                    thresholds=NONE_IS_GOOD,
                    sparkline=False,
                    runbook="UnappliedMigrations",
                ),
            ),
        ),
        Row(
            "The whole of Django",
            (
                timeseries(
                    "Requests and responses",
                    "reqps",
                    "What reaches Django and what leaves it. The lines lie on each other; a gap is requests that are"
                    " stuck or were killed.",
                    Query(REACHED, "requests"),
                    Query(LEFT, "responses"),
                    width=6,
                ),
                timeseries(
                    "In flight",
                    "short",
                    "Requests without a response so far. Good is at most one a worker. A step that stays is a request"
                    " that was killed: it never gets one.",
                    NOT_ANSWERED,
                    width=6,
                ),
                timeseries(
                    "Time of a request",
                    "s",
                    "Middlewares, database and cache included, waiting for a worker not. Good is a p95 well below the"
                    " red line.",
                    *quantiles(WHOLE),
                    thresholds=SLOW,
                    width=6,
                ),
                heatmap(
                    "Time of a request, all of it",
                    "s",
                    "Each request by its time. One dark band low down is good; a second band above it is a part that"
                    " waits.",
                    WHOLE,
                    width=6,
                ),
            ),
        ),
        Row(
            "By view",
            (
                timeseries(
                    "Responses by view",
                    "reqps",
                    "What visitors use. A view that falls to nothing while others go on is broken or unlinked;"
                    " <unnamed view> is an address that does not exist.",
                    RATE_BY_VIEW,
                    stacked=True,
                    width=12,
                    height=9,
                ),
                timeseries(
                    "p95 by view",
                    "s",
                    "Which view is slow, and by which method. The checkout's POST writes, so it is slower than the"
                    " catalogue.",
                    P95_BY_VIEW,
                    width=12,
                    height=9,
                ),
                timeseries(
                    "5xx by view",
                    "reqps",
                    "Good is none. One view is a bug in it; all views are what they share: the database or a deploy.",
                    ERRORS_BY_VIEW,
                    width=6,
                ),
                timeseries(
                    "4xx by view",
                    "reqps",
                    "Wrong forms, dead links, empty shelves. Some are normal; a rise in one view is a broken form or"
                    " link.",
                    REFUSED_BY_VIEW,
                    width=6,
                ),
                timeseries(
                    "Mean time by view",
                    "s",
                    "Where the p95 is too coarse to see a change. A step after a deploy is that view's new code.",
                    MEAN_BY_VIEW,
                    width=6,
                ),
                timeseries(
                    "Begun and not ended",
                    "short",
                    "Requests that a view began and that have no response. Good is near 0. The view with a step is the"
                    " one that hangs and gets its worker killed.",
                    NOT_ENDED_BY_VIEW,
                    width=6,
                ),
                table(
                    "Each view",
                    "Over the time shown. The view with the most time in all is the one that is worth making faster.",
                    (
                        Column("view", "View"),
                        Column("#A", "Responses", unit="short"),
                        Column("#B", "4xx", unit="percentunit"),
                        Column("#C", "5xx", unit="percentunit", thresholds=SHARE_OF_ERRORS),
                        Column("#D", "Mean time", unit="s"),
                        Column("#E", "Time in all", unit="s"),
                    ),
                    Query(ALL_OF_VIEW),
                    Query(f"{or_zero(REFUSED_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
                    Query(f"{or_zero(FAILED_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
                    Query(MEAN_OF_VIEW),
                    Query(TIME_OF_VIEW),
                    height=10,
                ),
            ),
        ),
        Row(
            "Responses",
            (
                timeseries(
                    "By status",
                    "reqps",
                    "2xx and 3xx are good, some 4xx are people's mistakes, 5xx are the shop's.",
                    BY_STATUS,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Requests by method",
                    "reqps",
                    "GET reads, POST changes something. NGINX lets only GET, HEAD and POST through.",
                    BY_METHOD,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Requests by transport",
                    "reqps",
                    "Good is https alone. http means that something reaches Django past NGINX.",
                    BY_TRANSPORT,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Seldom",
                    "reqps",
                    "Good is 0 for all: the shop sends no ajax and streams nothing. An unknown time is a request that a"
                    " middleware answered before it could be measured.",
                    *SELDOM,
                    width=6,
                ),
                timeseries(
                    "By template",
                    "reqps",
                    "Where Django knows the template, which is the admin's pages. A rise of the login page is somebody"
                    " who tries passwords.",
                    BY_TEMPLATE,
                    width=6,
                ),
                timeseries(
                    "By charset",
                    "reqps",
                    "Good is utf-8 alone; another one is a page that shows broken letters.",
                    BY_CHARSET,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Size of responses",
                    "bytes",
                    "Bodies before compression; quantiles are read from steps that double. A rise is a page that lists"
                    " too much.",
                    *quantiles(RESPONSE_SIZES),
                    MEAN_RESPONSE,
                    width=6,
                ),
                timeseries(
                    "Size of requests",
                    "bytes",
                    "Bodies of forms; most requests have none. The shop's forms are short, so a rise is not its own"
                    " visitors.",
                    *quantiles(REQUEST_SIZES),
                    MEAN_REQUEST,
                    width=6,
                ),
            ),
        ),
        Row(
            "Exceptions",
            (
                timeseries(
                    "Exceptions by type",
                    "suffix: exceptions/s",
                    "What views raised. Http404 is a dead link; any other type is a bug or a dependency that failed.",
                    BY_TYPE,
                ),
                timeseries(
                    "Exceptions by view",
                    "suffix: exceptions/s",
                    "Which view raised it. One view is its own bug; all of them are what they share.",
                    BY_VIEW,
                ),
                timeseries(
                    "Exceptions and 5xx",
                    "reqps",
                    "Good is 0. An exception that no view handles makes a 5xx; a 5xx without one was raised outside of"
                    " the view, in a middleware.",
                    UNEXPECTED,
                    ANSWERS_OF_5XX,
                ),
            ),
        ),
        Row(
            "Database",
            (
                timeseries(
                    "Statements",
                    "suffix: statements/s",
                    "All that Django sends, and those of it in bulk. They follow the requests; a rise without them is a"
                    " page that asks too often.",
                    Query(STATEMENTS, "all"),
                    Query(STATEMENTS_IN_BULK, "of them, in bulk"),
                    width=8,
                ),
                timeseries(
                    "Statements a request over time",
                    "short",
                    "Good is flat and below ten. A step after a deploy is a page that asks once a row.",
                    STATEMENTS_A_REQUEST,
                    width=8,
                ),
                timeseries(
                    "Time of a statement",
                    "s",
                    "As Django waits for it. Good is below 5 ms, the finest step that is counted: only the mean tells"
                    " more below it.",
                    STATEMENT_MEAN,
                    *STATEMENT_QUANTILES,
                    width=8,
                    runbook="SlowQueries",
                ),
                timeseries(
                    "Of a request's time, in the database",
                    "s",
                    "Means. When the lower line rises with the upper one it is the database, else Django or the cache.",
                    REQUEST_MEAN,
                    REQUEST_IN_DATABASE,
                    width=8,
                ),
                timeseries(
                    "New connections",
                    "cps",
                    "With PostgreSQL a worker keeps its own, so near 0 is good; on SQLite each request opens one."
                    " Failed is a database that is down or full.",
                    OPENED,
                    NOT_OPENED,
                    width=8,
                ),
                timeseries(
                    "Statement errors",
                    "suffix: errors/s",
                    "Statements that failed, by class. Good is none. OperationalError is a connection or a lock,"
                    " IntegrityError two who wanted the same.",
                    STATEMENT_ERRORS,
                    width=8,
                    runbook="DatabaseErrors",
                ),
            ),
        ),
        Row(
            "Cache",
            (
                timeseries(
                    "Reads",
                    "rps",
                    "By what they found. Misses are normal after a restart and when entries expire. Failed is a cache"
                    " that is down: the shop goes on, slower.",
                    Query(HITS, "hits"),
                    Query(MISSES, "misses"),
                    Query(READS_FAILED, "failed"),
                    stacked=True,
                ),
                timeseries(
                    "Hit ratio",
                    "percentunit",
                    "Good is a high, flat line; a dip is a restart of the cache or many new keys.",
                    HIT_RATIO,
                    max=1,
                    runbook="CacheHitRatioLow",
                ),
                timeseries(
                    "Reads a request",
                    "short",
                    "What a request asks of the cache on average. A step after a deploy is a page that asks more"
                    " often, or no longer.",
                    READS_A_REQUEST,
                ),
            ),
        ),
        Row(
            "Models and migrations",
            (
                timeseries(
                    "Rows inserted",
                    "wps",
                    "By model. Each order has lines of its own; carts without orders are visitors who leave.",
                    ROWS["inserts"],
                    width=6,
                ),
                timeseries(
                    "Rows saved again",
                    "wps",
                    "By model, without what a query changes in the database itself, as the stock.",
                    ROWS["updates"],
                    width=6,
                ),
                timeseries(
                    "Rows deleted",
                    "wps",
                    "By model. Cart lines go when they are ordered or taken out; a product or an order that goes is"
                    " somebody in the admin.",
                    ROWS["deletes"],
                    width=6,
                ),
                timeseries(
                    "Migrations",
                    "short",
                    "Unapplied is 0 in a good deploy. Applied falls only when the database was set back.",
                    *MIGRATIONS,
                    width=6,
                    runbook="UnappliedMigrations",
                ),
            ),
        ),
    ),
)
