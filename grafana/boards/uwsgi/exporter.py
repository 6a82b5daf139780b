"""The uWSGI exporter, and how it reads the stats server."""

from grafana.boards.panels import UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD, UP

REACHED = Query("min(uwsgi_up{$selector})")

LAST_SCRAPE = Query("max(uwsgi_exporter_last_scrape_error{$selector})")
COUNTING = Query("time() - max(pomar_counters_start_time_seconds{$selector})", instant=True)
SCRAPES = Query("sum(rate(uwsgi_exporter_scrapes_total{$selector}[$__rate_interval]))", "reads")
FAILED_SCRAPES = Query("sum(rate(uwsgi_exporter_scrape_errors_total{$selector}[$__rate_interval]))", "failed")
SCRAPE_DURATION = Query(
    "sum(rate(uwsgi_exporter_scrape_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(uwsgi_exporter_scrape_duration_seconds_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
SIGNALS_QUEUED = [
    Query("sum(uwsgi_signal_queue_length{$selector})", "queued at the master"),
    Query("sum(uwsgi_worker_signal_queue_length{$selector})", "queued at workers"),
]
SIGNALS = Query("sum(rate(uwsgi_worker_signals_total{$selector}[$__rate_interval]))", "handled")


def status() -> Panel:
    return stat(
        "uWSGI status",
        "short",
        "Whether the exporter can read uWSGI's stats server. The stats server is part of the master process, so it"
        " responds even while all workers are stuck.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="UwsgiDown",
    )


def scrapes() -> Panel:
    return timeseries(
        "Stats server reads",
        "suffix: reads/s",
        "The exporter reads uWSGI's stats server once per scrape. Failed should be 0; otherwise uWSGI or its stats"
        " server is down.",
        SCRAPES,
        FAILED_SCRAPES,
    )


def scrape_duration() -> Panel:
    return timeseries(
        "Scrape duration",
        "s",
        "Mean time to read the stats server. A few milliseconds are normal; a rise means that the master process is"
        " not getting enough CPU.",
        SCRAPE_DURATION,
    )


def signals() -> Panel:
    return timeseries(
        "Signals",
        "short",
        "uWSGI's own signals, for timers and jobs. The shop uses none, so 0 is normal. If signals are queued, the"
        " workers cannot keep up.",
        *SIGNALS_QUEUED,
        SIGNALS,
        overrides={"handled": {"unit": "ops"}},
    )


def last_scrape() -> Panel:
    return stat(
        "Last scrape",
        "short",
        "Whether the exporter's last read of the stats server succeeded. If not, everything else on this dashboard is"
        " missing or out of date.",
        LAST_SCRAPE,
        thresholds=NONE_IS_GOOD,
        mappings={"0": ("succeeded", "green"), "1": ("failed", "red")},
        sparkline=False,
        width=12,
        height=3,
    )


def since_counter_reset() -> Panel:
    return stat(
        "Time since counter reset",
        "s",
        "Time since the counters of uWSGI and Django last started from 0. A restart resets them.",
        COUNTING,
        sparkline=False,
        width=12,
        height=3,
    )
