"""The NGINX dashboard: requests, response times, connections, and the access log."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.objectives import Objective, Objectives, percent, percentile, red_line, too_many_bad, too_slow
from grafana.boards.panels import UP_OR_DOWN, Panel, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantile, quantiles
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD, UP

RESPONSES = "nginx_http_responses_total{$selector}"
DURATIONS = "nginx_http_request_duration_seconds_bucket{$selector}"
UPSTREAM_DURATIONS = "nginx_http_upstream_response_duration_seconds_bucket{$selector}"

REACHED = Query("min(nginx_up{$selector})")
ALL_RESPONSES = f"sum(rate({RESPONSES}[$__rate_interval]))"
REQUESTS = Query(ALL_RESPONSES)
SHARE_OF_5XX = Query(
    or_zero('sum(rate(nginx_http_responses_total{$selector,status=~"5.."}[$__rate_interval]))', ALL_RESPONSES)
    + f" / ({ALL_RESPONSES} > 0)"
)
OPEN = Query("sum(nginx_connections_active{$selector})")
DROPPED = Query(
    "sum(increase(nginx_connections_accepted{$selector}[$__range]))"
    " - sum(increase(nginx_connections_handled{$selector}[$__range]))",
    instant=True,
)

BY_ROUTE = Query(f"sum by (route) (rate({RESPONSES}[$__rate_interval]))", "{{route}}")
BY_STATUS = Query(f"sum by (status) (rate({RESPONSES}[$__rate_interval]))", "{{status}}")
BY_METHOD = Query(f"sum by (method) (rate({RESPONSES}[$__rate_interval]))", "{{method}}")
REJECTED = Query(
    'sum by (status) (rate(nginx_http_responses_total{$selector,route="refused"}[$__rate_interval]))', "{{status}}"
)
LOAD_GENERATOR = Query("sum(rate(nginx_http_load_responses_total{$selector}[$__rate_interval]))", "load generator")
ALL_CLIENTS = Query(ALL_RESPONSES, "all clients")
BY_OUTCOME = Query(
    "sum by (outcome) (rate(nginx_http_upstream_requests_total{$selector}[$__rate_interval]))", "{{outcome}}"
)
BYTES = Query("sum by (route) (rate(nginx_http_response_bytes_total{$selector}[$__rate_interval]))", "{{route}}")

P95_BY_ROUTE = Query(quantile(0.95, DURATIONS, by="route"), "{{route}}")

CONNECTIONS = [
    Query(f"sum(nginx_connections_{state}{{$selector}})", state) for state in ("reading", "writing", "waiting")
]
ACCEPTED = Query("sum(rate(nginx_connections_accepted{$selector}[$__rate_interval]))", "accepted")
HANDLED = Query("sum(rate(nginx_connections_handled{$selector}[$__rate_interval]))", "handled")
BY_STUB_STATUS = Query("sum(rate(nginx_http_requests_total{$selector}[$__rate_interval]))", "status page")
BY_LOG = Query(
    f"sum(rate({RESPONSES}[$__rate_interval]))"
    " + sum(rate(nginx_status_page_requests_total{$selector}[$__rate_interval]))",
    "access log",
)
UNPARSED = Query("sum(increase(nginx_access_log_unparsed_lines_total{$selector}[$__range]))", instant=True)
LOG_AGE = Query("time() - max(nginx_access_log_start_time_seconds{$selector})", instant=True)


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-nginx",
        title="NGINX",
        description="Requests, response times and connections at NGINX, the first tier that visitors reach.",
        of='{__name__=~"nginx_up|nginx_http_responses_total"}',
        rows=(
            Row(
                "At a glance",
                (
                    status(),
                    request_rate(),
                    error_ratio(objectives.availability),
                    target_percentile(objectives.latency),
                    active_connections(),
                    dropped_connections(),
                ),
            ),
            Row(
                "Requests",
                (
                    request_rate_by_route(),
                    responses_by_status(),
                    request_rate_by_method(),
                    rejected(),
                    upstream_requests(),
                    load_generator(),
                ),
            ),
            Row(
                "Response time",
                (
                    response_time(objectives.latency),
                    upstream_response_time(objectives.latency),
                    p95_by_route(),
                    response_time_heatmap(),
                    upstream_response_time_heatmap(),
                ),
            ),
            Row(
                "Connections, bytes and access log",
                (
                    connections_by_state(),
                    accepted_and_handled(),
                    bytes_sent(),
                    status_page_and_access_log(),
                    unparsed_lines(),
                    since_counter_reset(),
                ),
            ),
        ),
    )


def status() -> Panel:
    return stat(
        "NGINX status",
        "short",
        "Whether the exporter can read NGINX's status page. If this is down although the targets are up, NGINX itself"
        " is down.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="NginxDown",
    )


def request_rate() -> Panel:
    return stat(
        "Request rate",
        "reqps",
        "All requests from visitors, including static files. The rate follows the number of visitors.",
        REQUESTS,
    )


def error_ratio(objective: Objective) -> Panel:
    return stat(
        "5xx error ratio",
        "percentunit",
        f"Share of responses with a 5xx status. Should be 0; above {percent(objective.budget)} the error budget runs"
        " out before the end of its period.",
        SHARE_OF_5XX,
        thresholds=too_many_bad(objective),
        runbook="ServerErrors",
    )


def target_percentile(objective: Objective) -> Panel:
    return stat(
        f"{percentile(objective)} response time",
        "s",
        f"{percent(objective.target)} of requests finish within this time. Should be well below the objective of"
        f" {objective.within:g} s.",
        Query(quantile(objective.target, DURATIONS)),
        thresholds=too_slow(objective),
        runbook="UpstreamSlow",
    )


def active_connections() -> Panel:
    return stat(
        "Active connections",
        "short",
        "Open connections, including idle ones. They follow the number of visitors. If only the connections grow,"
        " requests are hanging.",
        OPEN,
        thresholds=NEUTRAL,
    )


def dropped_connections() -> Panel:
    return stat(
        "Dropped connections",
        "short",
        "Connections that NGINX accepted but did not handle in the selected time range, because a limit was reached."
        " Should be 0.",
        DROPPED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="ConnectionsDropped",
    )


def request_rate_by_route() -> Panel:
    return timeseries(
        "Request rate by route",
        "reqps",
        "The pages and files that visitors request. A route that drops to zero while others continue is broken or no"
        " longer linked.",
        BY_ROUTE,
        stacked=True,
        width=12,
        height=9,
    )


def responses_by_status() -> Panel:
    return timeseries(
        "Responses by status",
        "reqps",
        "2xx and 3xx are normal. Some 4xx are user errors. 5xx are errors in the shop.",
        BY_STATUS,
        stacked=True,
        width=12,
        height=9,
        runbook="ClientErrors",
    )


def request_rate_by_method() -> Panel:
    return timeseries(
        "Request rate by method",
        "reqps",
        "GET reads, POST changes something. All methods except GET, HEAD and POST are rejected; a surge of them is a"
        " scanner.",
        BY_METHOD,
        width=6,
    )


def rejected() -> Panel:
    return timeseries(
        "Requests rejected by NGINX",
        "reqps",
        "Requests that NGINX rejects because of their method, host or size. A surge is a scanner or a broken client.",
        REJECTED,
        width=6,
    )


def upstream_requests() -> Panel:
    return timeseries(
        "Upstream requests by outcome",
        "reqps",
        "Requests passed to uWSGI; all should be answered. Unreached: uWSGI is down or its listen queue is full."
        " Unanswered: a worker died or took too long. Cut: the client aborted the request (499).",
        BY_OUTCOME,
        width=6,
        runbook="UpstreamFailing",
    )


def load_generator() -> Panel:
    return timeseries(
        "Load generator traffic",
        "reqps",
        "Traffic from the lab's load generator, compared with the traffic from all clients.",
        ALL_CLIENTS,
        LOAD_GENERATOR,
        width=6,
    )


def response_time(objective: Objective) -> Panel:
    return timeseries(
        "Response time",
        "s",
        "From the first byte of a request to the last byte of its response, including static files. p95 should be well"
        " below the red line.",
        *quantiles(DURATIONS),
        thresholds=red_line(objective),
    )


def upstream_response_time(objective: Objective) -> Panel:
    return timeseries(
        "Upstream response time",
        "s",
        "Time until uWSGI responds, including the wait for a worker. If it is short but the response time is long, the"
        " cause is NGINX or the visitor's network.",
        *quantiles(UPSTREAM_DURATIONS),
        thresholds=red_line(objective),
        runbook="UpstreamSlow",
    )


def p95_by_route() -> Panel:
    return timeseries(
        "p95 response time by route",
        "s",
        "Shows which page is slow. The checkout writes to the database, so it is slower than the catalogue.",
        P95_BY_ROUTE,
    )


def response_time_heatmap() -> Panel:
    return heatmap(
        "Response time heatmap",
        "s",
        "Requests by response time. One dark band at the bottom is healthy; a second band above it means that some"
        " requests are waiting for something.",
        DURATIONS,
        width=12,
    )


def upstream_response_time_heatmap() -> Panel:
    return heatmap(
        "Upstream response time heatmap",
        "s",
        "The same for responses from uWSGI. Compare it with the heatmap on the left to tell whether NGINX or a tier"
        " behind it is slow.",
        UPSTREAM_DURATIONS,
        width=12,
    )


def connections_by_state() -> Panel:
    return timeseries(
        "Connections by state",
        "short",
        "Writing grows when uWSGI is slow. Waiting connections are kept open by idle visitors.",
        *CONNECTIONS,
        stacked=True,
        width=6,
    )


def accepted_and_handled() -> Panel:
    return timeseries(
        "Connections accepted and handled",
        "cps",
        "The two lines should coincide; a gap means that connections are being dropped at a limit.",
        ACCEPTED,
        HANDLED,
        width=6,
    )


def bytes_sent() -> Panel:
    return timeseries(
        "Bytes sent by route",
        "Bps",
        "Bytes sent after compression, including headers. They follow the request rate.",
        BYTES,
        stacked=True,
        width=6,
    )


def status_page_and_access_log() -> Panel:
    return timeseries(
        "Request rate: status page and access log",
        "reqps",
        "Requests as counted by NGINX itself and in its access log, both including requests for the status page. The"
        " lines should coincide; a gap means that the log is not being read.",
        BY_STUB_STATUS,
        BY_LOG,
        width=6,
    )


def unparsed_lines() -> Panel:
    return stat(
        "Unparsed log lines",
        "short",
        "Access log lines in the selected time range that the exporter could not parse. Should be 0; otherwise the"
        " log format does not match.",
        UNPARSED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        width=12,
        height=3,
    )


def since_counter_reset() -> Panel:
    return stat(
        "Time since counter reset",
        "s",
        "How long the access log exporter has been counting. A restart resets its counters to 0.",
        LOG_AGE,
        sparkline=False,
        width=12,
        height=3,
    )
