"""Alerts, from Prometheus through Alertmanager to people."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero

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


def in_prometheus() -> Panel:
    return timeseries(
        "Alerts in Prometheus",
        "short",
        "Pending and firing. The watchdog always fires; any other line is a thing to look at.",
        ALERTS,
        width=6,
    )


def in_alertmanager() -> Panel:
    return timeseries(
        "Alerts in Alertmanager",
        "short",
        "Those that it was told of, by state. As many active ones as fire in Prometheus is good.",
        ALERTS_HELD,
        width=6,
    )


def to_alertmanager() -> Panel:
    return timeseries(
        "Prometheus to Alertmanager",
        "suffix: alerts/s",
        "Good is some sent, since the watchdog is told again and again. Lost is right at the start only, when no"
        " Alertmanager is known yet.",
        SENT_TO_ALERTMANAGER,
        LOST,
        width=6,
    )


def to_people() -> Panel:
    return timeseries(
        "Alertmanager to people",
        "suffix: messages/s",
        "Notifications over all ways. 0 is right while nobody is set up to be told; failed must stay 0.",
        NOTIFIED,
        NOT_NOTIFIED,
        width=6,
    )
