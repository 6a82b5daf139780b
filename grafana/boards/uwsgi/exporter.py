"""uWSGI's exporter: whether it reaches uWSGI, and its own scrapes."""

from grafana.boards.panels import UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD, UP

REACHED = Query("min(uwsgi_up{$selector})")

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


def reached() -> Panel:
    return stat(
        "uWSGI",
        "short",
        "Whether the exporter reaches uWSGI's statistics. They come from the master, so they answer while all"
        " workers are stuck.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="UwsgiDown",
    )


def looks() -> Panel:
    return timeseries(
        "Looks at uWSGI",
        "suffix: looks/s",
        "The exporter looks at each scrape. Failed is 0, else uWSGI is down or its statistics are closed.",
        LOOKS,
        LOOKS_FAILED,
    )


def time_of_a_look() -> Panel:
    return timeseries(
        "Time of a look",
        "s",
        "Mean time of a look at the statistics. Good is a few milliseconds; a rise is a master that gets no CPU.",
        LOOK_TIME,
    )


def signals() -> Panel:
    return timeseries(
        "Signals",
        "short",
        "uWSGI's own signals, for timers and jobs. The shop has none, so 0 is good; any that wait are more than"
        " workers can handle.",
        *SIGNALS_WAITING,
        SIGNALS,
        overrides={"handled": {"unit": "ops"}},
    )


def last_look() -> Panel:
    return stat(
        "Last look",
        "short",
        "Whether the exporter's last look at uWSGI failed. Then all else here is missing or old.",
        LAST_LOOK,
        thresholds=NONE_IS_GOOD,
        mappings={"0": ("read", "green"), "1": ("failed", "red")},
        sparkline=False,
        width=12,
        height=3,
    )


def counting_since() -> Panel:
    return stat(
        "Counting since",
        "s",
        "How long the counters of uWSGI and Django have been counting; a restart sets them to zero.",
        COUNTING,
        sparkline=False,
        width=12,
        height=3,
    )
