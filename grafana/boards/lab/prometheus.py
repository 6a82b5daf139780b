"""Prometheus itself: its configuration, rules, series and storage, and what each job costs."""

from grafana.boards.panels import LIMIT, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD

SUCCEEDED = {"0": ("failed", "red"), "1": ("good", "green")}
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
ONE_RULE = [
    Query(f'max(prometheus_rule_evaluation_duration_seconds{{$selector,quantile="{q}"}})', f"p{q * 100:g}")
    for q in (0.5, 0.99)
]
BLOCKS = "sum(prometheus_tsdb_storage_blocks_bytes{$selector})"
# An older Prometheus tells of its blocks alone.
LOG, HEAD_CHUNKS = (
    or_zero(f"sum(prometheus_tsdb_{what}_storage_size_bytes{{$selector}})", BLOCKS) for what in ("wal", "head_chunks")
)
STORED = [Query(f"{BLOCKS} + {LOG} + {HEAD_CHUNKS}", "all"), Query(BLOCKS, "blocks")]
STORAGE_LIMIT = Query("sum(prometheus_tsdb_retention_limit_bytes{$selector}) > 0", "limit")
CPU = Query("sum by (job) (rate(process_cpu_seconds_total{$selector}[$__rate_interval]))", "{{job}}")
MEMORY = Query("sum by (job) (process_resident_memory_bytes{$selector})", "{{job}}")


def configuration() -> Panel:
    return stat(
        "Configuration",
        "short",
        "Whether Prometheus runs with the configuration in its file. Failed: it goes on with the one before.",
        RELOADED,
        mappings=SUCCEEDED,
        sparkline=False,
        runbook="ConfigReloadFailed",
    )


def rules_failed() -> Panel:
    return stat(
        "Rules failed",
        "short",
        "Evaluations that failed in the time shown. Good is 0: else an alert may be blind.",
        RULES_FAILED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="RuleFailures",
    )


def series() -> Panel:
    return stat(
        "Series in memory",
        "short",
        "What Prometheus's memory goes with. Good is flat; those of a target that is gone stay for hours.",
        SERIES,
        thresholds=NEUTRAL,
    )


def samples() -> Panel:
    return stat(
        "Samples stored",
        "suffix: samples/s",
        "About the series of all targets, divided by the seconds between two scrapes.",
        SAMPLES,
        thresholds=NEUTRAL,
    )


def samples_by_type() -> Panel:
    return timeseries(
        "Samples by type",
        "suffix: samples/s",
        "Good is flat. A dip is a target that is down or a Prometheus that cannot keep up.",
        SAMPLES_BY_TYPE,
        width=6,
    )


def time_of_one_rule() -> Panel:
    return timeseries(
        "Time of one rule",
        "s",
        "Over all rules. A p99 that grows with the series is a rule that reads too many of them.",
        *ONE_RULE,
        width=6,
    )


def rule_groups() -> Panel:
    return table(
        "Rule groups",
        "The last evaluation of each group, and failures in the time shown. Good is far below the 5 s between two"
        " evaluations, and no failure: a rule that fails says nothing.",
        (
            Column("rule_group", "Group"),
            Column("#A", "Time", unit="s"),
            Column("#B", "Failures", thresholds=NONE_IS_GOOD),
        ),
        *RULE_GROUPS,
        width=12,
    )


def storage() -> Panel:
    return timeseries(
        "Storage",
        "bytes",
        "All is blocks, none before two hours, with log and newest chunks. At the red line the oldest go.",
        *STORED,
        STORAGE_LIMIT,
        overrides={"limit": LIMIT},
        runbook="StorageNearBound",
    )


def cpu_by_job() -> Panel:
    return timeseries(
        "CPU by job",
        "suffix: cores",
        "What those who watch use themselves, as far as they tell. Good is a small part of what the shop uses.",
        CPU,
        stacked=True,
    )


def memory_by_job() -> Panel:
    return timeseries(
        "Memory by job",
        "bytes",
        "Resident memory of those who watch, as far as they tell. Flat is good; a rising one nears its limit.",
        MEMORY,
        stacked=True,
    )
