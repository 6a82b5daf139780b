"""The shop as the probe sees it from outside, and whether all targets are up."""

from grafana.boards.panels import Panel, bar_gauge, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import UP

PHASES = Query("sum by (instance, phase) (probe_http_duration_seconds{$selector})", "{{instance}} {{phase}}")
PROBES = Query("max by (instance) (probe_duration_seconds{$selector})", "{{instance}}")
CERTIFICATE = Query("min(probe_ssl_earliest_cert_expiry{$selector}) - time()")
TARGETS = Query("avg by (job) (up{$selector})", "{{job}}")


def probe_by_phase() -> Panel:
    return timeseries(
        "Probe by phase",
        "s",
        "Where a visitor's time goes: connect and tls are the network and NGINX, processing is the shop.",
        PHASES,
        stacked=True,
        width=12,
    )


def whole_probe() -> Panel:
    return timeseries(
        "Whole probe",
        "s",
        "By address that is asked. A probe that takes its full timeout got no answer.",
        PROBES,
        width=6,
    )


def targets_up() -> Panel:
    return bar_gauge(
        "Targets up",
        "percentunit",
        "Share of each job's targets that Prometheus can read. Below 100% figures of that job are missing.",
        TARGETS,
        max=1,
        thresholds=UP,
        width=6,
    )


def certificate() -> Panel:
    return stat(
        "Certificate ends in",
        "s",
        "The first certificate of the chain to end. Renew it in good time: red is less than a week.",
        CERTIFICATE,
        thresholds=((None, "red"), (7 * 86400, "orange"), (14 * 86400, "green")),
        sparkline=False,
        width=24,
        height=3,
        runbook="CertificateEnding",
    )
