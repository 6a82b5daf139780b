"""NGINX: what it was asked for, how it answered and how soon, and its connections."""

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
NOT_HANDLED = Query(
    "sum(increase(nginx_connections_accepted{$selector}[$__range]))"
    " - sum(increase(nginx_connections_handled{$selector}[$__range]))",
    instant=True,
)

BY_ROUTE = Query(f"sum by (route) (rate({RESPONSES}[$__rate_interval]))", "{{route}}")
BY_STATUS = Query(f"sum by (status) (rate({RESPONSES}[$__rate_interval]))", "{{status}}")
BY_METHOD = Query(f"sum by (method) (rate({RESPONSES}[$__rate_interval]))", "{{method}}")
REFUSED = Query(
    'sum by (status) (rate(nginx_http_responses_total{$selector,route="refused"}[$__rate_interval]))', "{{status}}"
)
OF_LOAD = Query("sum(rate(nginx_http_load_responses_total{$selector}[$__rate_interval]))", "the lab's load")
OF_ALL = Query(ALL_RESPONSES, "all visitors")
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
LOG_AGE = Query("time() - min(nginx_access_log_start_time_seconds{$selector})", instant=True)


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-nginx",
        title="NGINX",
        description="The first tier that a visitor meets: what it was asked for, how it answered and how soon.",
        of='{__name__=~"nginx_up|nginx_http_responses_total"}',
        rows=(
            Row(
                "Now",
                (
                    reached(),
                    request_rate(),
                    share_of_5xx(objectives.availability),
                    slowest(objectives.latency),
                    open_connections(),
                    connections_dropped(),
                ),
            ),
            Row("Requests", (by_route(), by_status(), by_method(), refused(), passed_on(), of_the_load())),
            Row(
                "Time",
                (
                    time_to_answer(objectives.latency),
                    time_in_uwsgi(objectives.latency),
                    p95_by_route(),
                    all_times(),
                    all_times_in_uwsgi(),
                ),
            ),
            Row(
                "Connections and bytes",
                (
                    connections(),
                    accepted_and_handled(),
                    bytes_sent(),
                    counted_twice(),
                    unparsed_lines(),
                    counting_since(),
                ),
            ),
        ),
    )


def reached() -> Panel:
    return stat(
        "NGINX",
        "short",
        "Whether the exporter reaches NGINX's status page. Down while targets are up means NGINX itself.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="NginxDown",
    )


def request_rate() -> Panel:
    return stat("Requests", "reqps", "All that visitors ask for, static files included.", REQUESTS)


def share_of_5xx(objective: Objective) -> Panel:
    return stat(
        "5xx",
        "percentunit",
        f"Share of answers of 500 and above. Good is 0; from {percent(objective.budget)} the objective is being spent.",
        SHARE_OF_5XX,
        thresholds=too_many_bad(objective),
        runbook="ServerErrors",
    )


def slowest(objective: Objective) -> Panel:
    return stat(
        percentile(objective),
        "s",
        f"What {objective.share} visitors wait at most. Good is well below the objective of {objective.within:g} s.",
        Query(quantile(objective.target, DURATIONS)),
        thresholds=too_slow(objective),
        runbook="UpstreamSlow",
    )


def open_connections() -> Panel:
    return stat(
        "Open connections",
        "short",
        "Connections now, idle ones included. They follow the visitors; more of them alone is a hang.",
        OPEN,
        thresholds=NEUTRAL,
    )


def connections_dropped() -> Panel:
    return stat(
        "Connections dropped",
        "short",
        "Connections accepted but not handled in the time shown, because a limit was reached. Good is 0.",
        NOT_HANDLED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="ConnectionsDropped",
    )


def by_route() -> Panel:
    return timeseries(
        "By route",
        "reqps",
        "What visitors ask for. A route that falls to nothing while others go on is broken or unlinked.",
        BY_ROUTE,
        stacked=True,
        width=12,
        height=9,
    )


def by_status() -> Panel:
    return timeseries(
        "By status",
        "reqps",
        "How it ends. 2xx and 3xx are good, some 4xx are people's mistakes, 5xx are the shop's.",
        BY_STATUS,
        stacked=True,
        width=12,
        height=9,
        runbook="ClientErrors",
    )


def by_method() -> Panel:
    return timeseries(
        "By method",
        "reqps",
        "GET reads, POST changes something. Any other method is refused: a surge of other is a scanner.",
        BY_METHOD,
        width=6,
    )


def refused() -> Panel:
    return timeseries(
        "Refused by NGINX",
        "reqps",
        "Requests that NGINX answers itself, because it lets no such method, host or size through. A surge is a"
        " scanner or a broken client.",
        REFUSED,
        width=6,
    )


def passed_on() -> Panel:
    return timeseries(
        "Passed on to uWSGI",
        "reqps",
        "By what came back. Good is answered alone; unreached is a full queue or a uWSGI that is down, unanswered"
        " one that died or took too long, cut a visitor who hung up.",
        BY_OUTCOME,
        width=6,
        runbook="UpstreamFailing",
    )


def of_the_load() -> Panel:
    return timeseries(
        "Of the lab's load",
        "reqps",
        "How much of the traffic the lab's own load makes; the rest is everybody else's.",
        OF_ALL,
        OF_LOAD,
        width=6,
    )


def time_to_answer(objective: Objective) -> Panel:
    return timeseries(
        "Time to answer",
        "s",
        "From the first byte of a request to the last of its answer, static files included.",
        *quantiles(DURATIONS),
        thresholds=red_line(objective),
    )


def time_in_uwsgi(objective: Objective) -> Panel:
    return timeseries(
        "Of it, time in uWSGI",
        "s",
        "How long uWSGI took to answer, waiting for a worker included. When this is short and the whole is long,"
        " it is NGINX or the visitor's line.",
        *quantiles(UPSTREAM_DURATIONS),
        thresholds=red_line(objective),
        runbook="UpstreamSlow",
    )


def p95_by_route() -> Panel:
    return timeseries(
        "p95 by route",
        "s",
        "Which page is slow. The checkout writes to the database, so it is slower than the catalogue.",
        P95_BY_ROUTE,
    )


def all_times() -> Panel:
    return heatmap(
        "Time to answer, all of it",
        "s",
        "Each request by its time. One dark band low down is good; a second band above it is a part that waits.",
        DURATIONS,
        width=12,
    )


def all_times_in_uwsgi() -> Panel:
    return heatmap(
        "Time in uWSGI, all of it",
        "s",
        "The same for what uWSGI answered. Compared with the left one it tells NGINX from what is behind.",
        UPSTREAM_DURATIONS,
        width=12,
    )


def connections() -> Panel:
    return timeseries(
        "Connections",
        "short",
        "Writing grows when what is behind is slow; waiting are visitors who keep their connection open.",
        *CONNECTIONS,
        stacked=True,
        width=6,
    )


def accepted_and_handled() -> Panel:
    return timeseries(
        "Accepted and handled",
        "cps",
        "The two lines lie on each other; a gap is connections dropped at a limit.",
        ACCEPTED,
        HANDLED,
        width=6,
    )


def bytes_sent() -> Panel:
    return timeseries("Bytes sent", "Bps", "By route, headers included, as compressed.", BYTES, stacked=True, width=6)


def counted_twice() -> Panel:
    return timeseries(
        "Counted twice",
        "reqps",
        "NGINX's own total and what its log says, both with the status page's requests. The lines lie on each"
        " other; a gap is a log that is not read.",
        BY_STUB_STATUS,
        BY_LOG,
        width=6,
    )


def unparsed_lines() -> Panel:
    return stat(
        "Log lines not understood",
        "short",
        "In the time shown. Good is 0: anything else is a log format that the exporter does not know.",
        UNPARSED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        width=12,
        height=3,
    )


def counting_since() -> Panel:
    return stat(
        "Counting since",
        "s",
        "How long the access log's exporter has been counting; a restart sets its counters to zero.",
        LOG_AGE,
        sparkline=False,
        width=12,
        height=3,
    )
