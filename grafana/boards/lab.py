"""What watches the shop, whether it can be believed, and what it costs."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Column, stat, table, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD

GRAFANA = ("grafana",)
YES_OR_NO = {"0": ("no", "red"), "1": ("yes", "green")}
SUCCEEDED = {"0": ("failed", "red"), "1": ("good", "green")}

TARGETS_DOWN = Query("count(up{$selector}) - sum(up{$selector})")
RELOADED = Query("min(prometheus_config_last_reload_successful{$selector})")
RULES_FAILED = Query("sum(increase(prometheus_rule_evaluation_failures_total{$selector}[$__range]))", instant=True)
SERIES = Query("sum(prometheus_tsdb_head_series{$selector})")
#: As many as the alert SeriesGrowth allows one target.
MAX_SERIES_OF_A_TARGET = 12000
SAMPLES = Query("sum(rate(prometheus_tsdb_head_samples_appended_total{$selector}[$__rate_interval]))")
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

PROBES = [
    Query(f"{EACH} ({metric}{{$selector}})")
    for metric in ("probe_success", "probe_http_status_code", "probe_http_ssl", "probe_duration_seconds")
] + [Query(f"{EACH} (probe_ssl_earliest_cert_expiry{{$selector}}) * 1000")]

ALERTS = Query("sum by (alertname, alertstate) (ALERTS{$selector})", "{{alertname}} {{alertstate}}")
ALERTS_HELD = Query("sum by (state) (alertmanager_alerts{$selector})", "{{state}}")
SENT_TO_ALERTMANAGER = Query("sum(rate(prometheus_notifications_sent_total{$selector}[$__rate_interval]))", "sent")
DROPPED = "sum(rate(prometheus_notifications_dropped_total{$selector}[$__rate_interval]))"
# With no Alertmanager known there are no errors of one, and all are dropped.
LOST = Query(
    f"{DROPPED} + {or_zero('sum(rate(prometheus_notifications_errors_total{$selector}[$__rate_interval]))', DROPPED)}",
    "lost",
)
NOTIFIED = Query("sum(rate(alertmanager_notifications_total{$selector}[$__rate_interval]))", "sent")
NOT_NOTIFIED = Query("sum(rate(alertmanager_notifications_failed_total{$selector}[$__rate_interval]))", "failed")
PUSHES = Query(
    "sum by (handler, method, code) (rate(pushgateway_http_requests_total{$selector}[$__rate_interval]))",
    "{{method}} {{handler}} {{code}}",
)
# The value is when it happened; Grafana wants milliseconds.
EVENTS = Query("sort_desc(max by (kind, name, phase, text) (lab_event{$selector}) * 1000)")

VERSIONS = [
    Query("sum by (instance, version, edition) (grafana_build_info{$selector})"),
    Query("sum by (instance) (grafana_stat_totals_dashboard{$selector})"),
]

DASHBOARD = Dashboard(
    uid="pomar-lab",
    title="Lab",
    description="What watches the shop, whether it can be believed, and what it costs.",
    of="up",
    rows=(
        Row(
            "Now",
            (
                stat(
                    "Targets down",
                    "short",
                    "Targets that Prometheus cannot read. Good is 0: else the figures of that target are missing.",
                    TARGETS_DOWN,
                    thresholds=NONE_IS_GOOD,
                    runbook="TargetDown",
                ),
                stat(
                    "Configuration",
                    "short",
                    "Whether Prometheus runs with the configuration in its file. Failed: it goes on with the one"
                    " before.",
                    RELOADED,
                    mappings=SUCCEEDED,
                    sparkline=False,
                    runbook="ConfigReloadFailed",
                ),
                stat(
                    "Rules failed",
                    "short",
                    "Evaluations that failed in the time shown. Good is 0: else an alert may be blind.",
                    RULES_FAILED,
                    thresholds=NONE_IS_GOOD,
                    sparkline=False,
                    runbook="RuleFailures",
                ),
                stat(
                    "Series in memory",
                    "short",
                    "What Prometheus's memory goes with. Good is flat; those of a target that is gone stay for hours.",
                    SERIES,
                    thresholds=NEUTRAL,
                ),
                stat(
                    "Samples stored",
                    "suffix: samples/s",
                    "About the series of all targets, divided by the seconds between two scrapes.",
                    SAMPLES,
                    thresholds=NEUTRAL,
                ),
                stat(
                    "Slowest scrape",
                    "s",
                    "Good is well below a second. At the timeout, 4 s, the scrape is lost and the target counts as"
                    " down.",
                    SLOWEST,
                    thresholds=((None, "green"), (1, "orange"), (3, "red")),
                ),
            ),
        ),
        Row(
            "Targets",
            (
                table(
                    "Targets",
                    "Everything that Prometheus reads, at its last scrape. Good is all up, and no new series once the"
                    " lab is warm.",
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
                ),
                timeseries(
                    "Time of a scrape",
                    "s",
                    "The slowest target of each job. One that grows is an exporter with too little CPU or too many"
                    " series.",
                    SCRAPE_TIME,
                    width=6,
                ),
                timeseries(
                    "Series by job",
                    "short",
                    "What each job brings and Prometheus stores. Good is flat; a job that only grows will fill it up.",
                    SERIES_BY_JOB,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Series by target",
                    "short",
                    "Good is flat and far below the red line; one that grows to it has a label that takes any value.",
                    SERIES_BY_TARGET,
                    thresholds=((None, "transparent"), (MAX_SERIES_OF_A_TARGET, "red")),
                    width=6,
                    runbook="SeriesGrowth",
                ),
                timeseries(
                    "New series a scrape",
                    "short",
                    "High when a target starts, and near 0 soon after. A line that stays up is series that come and"
                    " go.",
                    NEW_SERIES,
                    width=6,
                ),
            ),
        ),
        Row(
            "Prometheus",
            (
                timeseries(
                    "Samples by type",
                    "suffix: samples/s",
                    "Good is flat. A dip is a target that is down or a Prometheus that cannot keep up.",
                    SAMPLES_BY_TYPE,
                    width=6,
                ),
                timeseries(
                    "Time of one rule",
                    "s",
                    "Over all rules. A p99 that grows with the series is a rule that reads too many of them.",
                    *ONE_RULE,
                    width=6,
                ),
                table(
                    "Rule groups",
                    "The last evaluation of each group, and failures in the time shown. Good is far below the 5 s"
                    " between two evaluations, and no failure: a rule that fails says nothing.",
                    (
                        Column("rule_group", "Group"),
                        Column("#A", "Time", unit="s"),
                        Column("#B", "Failures", thresholds=NONE_IS_GOOD),
                    ),
                    *RULE_GROUPS,
                    width=12,
                ),
                timeseries(
                    "Storage",
                    "bytes",
                    "All is blocks, none before two hours, with log and newest chunks. At the red line the oldest go.",
                    *STORED,
                    STORAGE_LIMIT,
                    overrides={"limit": LIMIT},
                    runbook="StorageNearBound",
                ),
                timeseries(
                    "CPU by job",
                    "suffix: cores",
                    "What those who watch use themselves, as far as they tell. Good is a small part of what the shop"
                    " uses.",
                    CPU,
                    stacked=True,
                ),
                timeseries(
                    "Memory by job",
                    "bytes",
                    "Resident memory of those who watch, as far as they tell. Flat is good; a rising one nears its"
                    " limit.",
                    MEMORY,
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Exporters and probes",
            (
                table(
                    "Probes",
                    "The shop and its redirect as asked from outside. Good is success, with status 200 over TLS and a"
                    " redirect without.",
                    (
                        Column("instance", "Address"),
                        Column("#A", "Success", mappings=YES_OR_NO),
                        Column("#B", "Status"),
                        Column("#C", "TLS", mappings={"0": ("no", "blue"), "1": ("yes", "blue")}),
                        Column("#D", "Time", unit="s"),
                        Column("#E", "Certificate ends", unit="dateTimeFromNow"),
                    ),
                    *PROBES,
                    width=16,
                    height=6,
                ),
                timeseries(
                    "Pushgateway",
                    "reqps",
                    "The lab pushes its events; the rest are health checks. Good is code 200; anything else is an event"
                    " that no dashboard shows.",
                    PUSHES,
                    height=6,
                    runbook="PushedJobStale",
                ),
            ),
        ),
        Row(
            "Alerts",
            (
                timeseries(
                    "Alerts in Prometheus",
                    "short",
                    "Pending and firing. The watchdog always fires; any other line is a thing to look at.",
                    ALERTS,
                    width=6,
                ),
                timeseries(
                    "Alerts in Alertmanager",
                    "short",
                    "Those that it was told of, by state. As many active ones as fire in Prometheus is good.",
                    ALERTS_HELD,
                    width=6,
                ),
                timeseries(
                    "Prometheus to Alertmanager",
                    "suffix: alerts/s",
                    "Good is some sent, since the watchdog is told again and again. Lost is right at the start only,"
                    " when no Alertmanager is known yet.",
                    SENT_TO_ALERTMANAGER,
                    LOST,
                    width=6,
                ),
                timeseries(
                    "Alertmanager to people",
                    "suffix: messages/s",
                    "Notifications over all ways. 0 is right while nobody is set up to be told; failed must stay 0.",
                    NOTIFIED,
                    NOT_NOTIFIED,
                    width=6,
                ),
            ),
        ),
        Row(
            "The lab itself",
            (
                table(
                    "Events",
                    "The last load, deploy and drill of each name, newest first: what a change in the figures may come"
                    " from.",
                    (
                        Column("kind", "Kind"),
                        Column("name", "Name"),
                        Column("phase", "Phase"),
                        Column("text", "What"),
                        Column("#A", "When", unit="dateTimeFromNow"),
                    ),
                    EVENTS,
                    width=16,
                ),
                table(
                    "Grafana",
                    "The version that shows this, and how many dashboards it has: one for each file, or provisioning"
                    " failed.",
                    (
                        Column("instance", "Instance"),
                        Column("version", "Version"),
                        Column("edition", "Edition"),
                        Column("#B", "Dashboards", unit="short"),
                    ),
                    *VERSIONS,
                    width=8,
                    needs=GRAFANA,
                ),
            ),
        ),
    ),
)
