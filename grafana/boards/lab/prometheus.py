"""Prometheus itself: its configuration, rules, series and storage, and the resource usage of each job."""

from grafana.boards.panels import LIMIT, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD

SUCCEEDED = {"0": ("failed", "red"), "1": ("successful", "green")}
RELOADED = Query("min(prometheus_config_last_reload_successful{$selector})")
RULES_FAILED = Query("sum(increase(prometheus_rule_evaluation_failures_total{$selector}[$__range]))", instant=True)
SERIES = Query("sum(prometheus_tsdb_head_series{$selector})")
SAMPLES = Query("sum(rate(prometheus_tsdb_head_samples_appended_total{$selector}[$__rate_interval]))")

SAMPLES_BY_TYPE = Query(
    "sum by (type) (rate(prometheus_tsdb_head_samples_appended_total{$selector}[$__rate_interval]))", "{{type}}"
)
RULE_GROUPS = [
    Query("max by (rule_group) (prometheus_rule_group_last_duration_seconds{$selector})"),
    Query("sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total{$selector}[$__range]))"),
]
RULE_DURATION = [
    Query(f'max(prometheus_rule_evaluation_duration_seconds{{$selector,quantile="{q}"}})', f"p{q * 100:g}")
    for q in (0.5, 0.99)
]
BLOCKS = "sum(prometheus_tsdb_storage_blocks_bytes{$selector})"
# Older versions of Prometheus report only the size of their blocks.
LOG, HEAD_CHUNKS = (
    or_zero(f"sum(prometheus_tsdb_{what}_storage_size_bytes{{$selector}})", BLOCKS) for what in ("wal", "head_chunks")
)
STORED = [Query(f"{BLOCKS} + {LOG} + {HEAD_CHUNKS}", "total"), Query(BLOCKS, "blocks")]
STORAGE_LIMIT = Query("sum(prometheus_tsdb_retention_limit_bytes{$selector}) > 0", "limit")
CPU = Query("sum by (job) (rate(process_cpu_seconds_total{$selector}[$__rate_interval]))", "{{job}}")
MEMORY = Query("sum by (job) (process_resident_memory_bytes{$selector})", "{{job}}")


def configuration() -> Panel:
    return stat(
        "Configuration reload",
        "short",
        "Whether Prometheus loaded its configuration file successfully. After a failed reload, it keeps the previous"
        " configuration.",
        RELOADED,
        mappings=SUCCEEDED,
        sparkline=False,
        runbook="ConfigReloadFailed",
    )


def rule_failures() -> Panel:
    return stat(
        "Rule evaluation failures",
        "short",
        "Rule evaluations that failed in the selected time range. Should be 0; otherwise an alert may not fire.",
        RULES_FAILED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="RuleFailures",
    )


def series() -> Panel:
    return stat(
        "Series in memory",
        "short",
        "Prometheus's memory usage grows with this number. Should be flat. Series stay in memory for hours after their"
        " target has disappeared.",
        SERIES,
        thresholds=NEUTRAL,
    )


def samples() -> Panel:
    return stat(
        "Samples ingested",
        "suffix: samples/s",
        "Samples per second. Should be flat, at about the number of series of all targets, divided by the scrape"
        " interval in seconds.",
        SAMPLES,
        thresholds=NEUTRAL,
    )


def samples_by_type() -> Panel:
    return timeseries(
        "Samples ingested by type",
        "suffix: samples/s",
        "Should be flat. A dip means that a target is down or that Prometheus cannot keep up.",
        SAMPLES_BY_TYPE,
        width=6,
    )


def rule_duration() -> Panel:
    return timeseries(
        "Rule evaluation duration",
        "s",
        "Evaluation time over all rules. If p99 grows with the number of series, a rule reads too many of them.",
        *RULE_DURATION,
        width=6,
    )


def rule_groups() -> Panel:
    return table(
        "Rule groups",
        "Duration of each group's last evaluation, and failures in the selected time range. An evaluation should take"
        " far less than the interval of 5 s and never fail, because a failed rule has no result.",
        (
            Column("rule_group", "Group"),
            Column("#A", "Duration", unit="s"),
            Column("#B", "Failures", thresholds=NONE_IS_GOOD),
        ),
        *RULE_GROUPS,
        width=12,
    )


def storage() -> Panel:
    return timeseries(
        "Storage size",
        "bytes",
        "The total includes the blocks (none in the first two hours), the write-ahead log and the head chunks. At the"
        " red line, the oldest blocks are deleted.",
        *STORED,
        STORAGE_LIMIT,
        overrides={"limit": LIMIT},
        runbook="StorageNearBound",
    )


def cpu_by_job() -> Panel:
    return timeseries(
        "CPU usage by job",
        "suffix: cores",
        "CPU used by the monitoring itself, for the services that report it. Should be small compared with the shop's"
        " CPU usage.",
        CPU,
        stacked=True,
    )


def memory_by_job() -> Panel:
    return timeseries(
        "Memory usage by job",
        "bytes",
        "Resident memory of the monitoring itself, for the services that report it. Should be flat; a service whose"
        " line keeps rising will reach its memory limit.",
        MEMORY,
        stacked=True,
    )
