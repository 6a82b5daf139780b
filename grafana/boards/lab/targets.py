"""The targets that Prometheus scrapes."""

from grafana.boards.panels import UP_OR_DOWN, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD

TARGETS_DOWN = Query("count(up{$selector}) - sum(up{$selector})")
#: The limit for one target, as in the SeriesGrowth alert.
MAX_SERIES_OF_A_TARGET = 12000
SLOWEST = Query("max(scrape_duration_seconds{$selector})")

# The sum drops the metric name. Otherwise the table, which joins rows by all labels, would not join these rows.
EACH = "sum by (namespace, job, instance)"
TARGETS = [
    Query(f"{EACH} ({metric}{{$selector}})")
    for metric in ("up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added")
]
SCRAPE_DURATION = Query("max by (job) (scrape_duration_seconds{$selector})", "{{job}}")
SERIES_BY_JOB = Query("sum by (job) (scrape_samples_post_metric_relabeling{$selector})", "{{job}}")
SERIES_BY_TARGET = Query(
    "sum by (job, instance) (scrape_samples_post_metric_relabeling{$selector})", "{{job}} {{instance}}"
)
NEW_SERIES = Query("sum by (job) (avg_over_time(scrape_series_added{$selector}[$__rate_interval]))", "{{job}}")


def down() -> Panel:
    return stat(
        "Targets down",
        "short",
        "Targets that Prometheus cannot scrape. Should be 0. While a target is down, its metrics are missing.",
        TARGETS_DOWN,
        thresholds=NONE_IS_GOOD,
        runbook="TargetDown",
    )


def slowest_scrape() -> Panel:
    return stat(
        "Slowest scrape",
        "s",
        "Should be well below a second. At the timeout of 4 s, the scrape fails and the target counts as down.",
        SLOWEST,
        thresholds=((None, "green"), (1, "orange"), (3, "red")),
    )


def each_target() -> Panel:
    return table(
        "Targets",
        "All targets, as of their last scrape. All should be up, with no new series once the lab has warmed up.",
        (
            Column("job", "Job"),
            Column("instance", "Instance"),
            Column("#A", "State", mappings=UP_OR_DOWN),
            Column("#B", "Scrape duration", unit="s"),
            Column("#C", "Samples", unit="short"),
            Column("#D", "New series", unit="short"),
        ),
        *TARGETS,
        height=11,
        runbook="TierBlind",
    )


def scrape_duration() -> Panel:
    return timeseries(
        "Scrape duration",
        "s",
        "Slowest target of each job. If the duration grows, the exporter has too little CPU or too many series.",
        SCRAPE_DURATION,
        width=6,
    )


def series_by_job() -> Panel:
    return timeseries(
        "Series by job",
        "short",
        "Series that Prometheus stores for each job. Should be flat; a job that keeps growing fills up Prometheus's"
        " memory.",
        SERIES_BY_JOB,
        stacked=True,
        width=6,
    )


def series_by_target() -> Panel:
    return timeseries(
        "Series by target",
        "short",
        "Should be flat and far below the red line. A target that grows towards the line has a label with unbounded"
        " values.",
        SERIES_BY_TARGET,
        thresholds=((None, "transparent"), (MAX_SERIES_OF_A_TARGET, "red")),
        width=6,
        runbook="SeriesGrowth",
    )


def new_series() -> Panel:
    return timeseries(
        "New series per scrape",
        "short",
        "Normally high when a target starts, and near 0 soon afterwards. If it stays high, series keep appearing and"
        " disappearing.",
        NEW_SERIES,
        width=6,
    )
