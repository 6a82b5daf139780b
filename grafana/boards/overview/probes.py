"""External probes of the shop, the certificate, and the targets that are up."""

from grafana.boards.panels import Panel, bar_gauge, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import UP

PHASES = Query("sum by (instance, phase) (probe_http_duration_seconds{$selector})", "{{instance}} {{phase}}")
PROBES = Query("max by (instance) (probe_duration_seconds{$selector})", "{{instance}}")
CERTIFICATE = Query("min(probe_ssl_earliest_cert_expiry{$selector}) - time()")
TARGETS = Query("avg by (job) (up{$selector})", "{{job}}")


def duration_by_phase() -> Panel:
    return timeseries(
        "Probe duration by phase",
        "s",
        "Where a visitor's waiting time goes: connect and tls are the network and NGINX, processing is the shop.",
        PHASES,
        stacked=True,
        width=12,
    )


def duration() -> Panel:
    return timeseries(
        "Probe duration",
        "s",
        "Total duration of each probe, by target. A probe that takes as long as its timeout got no response.",
        PROBES,
        width=6,
    )


def targets_up() -> Panel:
    return bar_gauge(
        "Targets up",
        "percentunit",
        "Share of each job's targets that Prometheus can scrape. Below 100%, metrics of that job are missing.",
        TARGETS,
        max=1,
        thresholds=UP,
        width=6,
    )


def certificate() -> Panel:
    return stat(
        "Certificate expires in",
        "s",
        "Time until the first certificate in the chain expires. Renew it in time. Red means less than a week.",
        CERTIFICATE,
        thresholds=((None, "red"), (7 * 86400, "orange"), (14 * 86400, "green")),
        sparkline=False,
        width=24,
        height=3,
        runbook="CertificateEnding",
    )
