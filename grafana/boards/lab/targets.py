"""What Prometheus scrapes."""

from grafana.boards.panels import UP_OR_DOWN, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD

TARGETS_DOWN = Query("count(up{$selector}) - sum(up{$selector})")
#: As many as the alert SeriesGrowth allows one target.
MAX_SERIES_OF_A_TARGET = 12000
SLOWEST = Query("max(scrape_duration_seconds{$selector})")

# Summed, since a table joins rows by all labels and each metric's name is one.
EACH = "sum by (namespace, job, instance)"
TARGETS = [
    Query(f"{EACH} ({metric}{{$selector}})")
    for metric in ("up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added")
]
SCRAPE_TIME = Query("max by (job) (scrape_duration_seconds{$selector})", "{{job}}")
SERIES_BY_JOB = Query("sum by (job) (scrape_samples_post_metric_relabeling{$selector})", "{{job}}")
SERIES_BY_TARGET = Query(
    "sum by (job, instance) (scrape_samples_post_metric_relabeling{$selector})", "{{job}} {{instance}}"
)
NEW_SERIES = Query("sum by (job) (avg_over_time(scrape_series_added{$selector}[$__rate_interval]))", "{{job}}")


def down() -> Panel:
    return stat(
        "Targets down",
        "short",
        "Targets that Prometheus cannot read. Good is 0: else the figures of that target are missing.",
        TARGETS_DOWN,
        thresholds=NONE_IS_GOOD,
        runbook="TargetDown",
    )


def slowest_scrape() -> Panel:
    return stat(
        "Slowest scrape",
        "s",
        "Good is well below a second. At the timeout, 4 s, the scrape is lost and the target counts as down.",
        SLOWEST,
        thresholds=((None, "green"), (1, "orange"), (3, "red")),
    )


def each_target() -> Panel:
    return table(
        "Targets",
        "Everything that Prometheus reads, at its last scrape. Good is all up, and no new series once the lab is warm.",
        (
            Column("job", "Job"),
            Column("instance", "Instance"),
            Column("#A", "Up", mappings=UP_OR_DOWN),
            Column("#B", "Time", unit="s"),
            Column("#C", "Samples", unit="short"),
            Column("#D", "New series", unit="short"),
        ),
        *TARGETS,
        height=11,
        runbook="TierBlind",
    )


def scrape_time() -> Panel:
    return timeseries(
        "Time of a scrape",
        "s",
        "The slowest target of each job. One that grows is an exporter with too little CPU or too many series.",
        SCRAPE_TIME,
        width=6,
    )


def series_by_job() -> Panel:
    return timeseries(
        "Series by job",
        "short",
        "What each job brings and Prometheus stores. Good is flat; a job that only grows will fill it up.",
        SERIES_BY_JOB,
        stacked=True,
        width=6,
    )


def series_by_target() -> Panel:
    return timeseries(
        "Series by target",
        "short",
        "Good is flat and far below the red line; one that grows to it has a label that takes any value.",
        SERIES_BY_TARGET,
        thresholds=((None, "transparent"), (MAX_SERIES_OF_A_TARGET, "red")),
        width=6,
        runbook="SeriesGrowth",
    )


def new_series() -> Panel:
    return timeseries(
        "New series a scrape",
        "short",
        "High when a target starts, and near 0 soon after. A line that stays up is series that come and go.",
        NEW_SERIES,
        width=6,
    )
