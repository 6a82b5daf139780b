"""Alerts, from Prometheus through Alertmanager to the receivers."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero

ALERTS = Query("sum by (alertname, alertstate) (ALERTS{$selector})", "{{alertname}} {{alertstate}}")
ALERTS_RECEIVED = Query("sum by (state) (alertmanager_alerts{$selector})", "{{state}}")
SENT_TO_ALERTMANAGER = Query("sum(rate(prometheus_notifications_sent_total{$selector}[$__rate_interval]))", "sent")
DROPPED = "sum(rate(prometheus_notifications_dropped_total{$selector}[$__rate_interval]))"
# While Prometheus has no Alertmanager to send to, the error metric does not exist, and all alerts are dropped.
LOST = Query(
    f"{DROPPED} + {or_zero('sum(rate(prometheus_notifications_errors_total{$selector}[$__rate_interval]))', DROPPED)}",
    "lost",
)
NOTIFICATIONS = Query("sum(rate(alertmanager_notifications_total{$selector}[$__rate_interval]))", "sent")
NOT_SENT = Query("sum(rate(alertmanager_notifications_failed_total{$selector}[$__rate_interval]))", "failed")


def in_prometheus() -> Panel:
    return timeseries(
        "Alerts in Prometheus",
        "short",
        "Pending and firing alerts. The Watchdog is always firing. Investigate any other line.",
        ALERTS,
        width=6,
    )


def in_alertmanager() -> Panel:
    return timeseries(
        "Alerts in Alertmanager",
        "short",
        "Alerts that Alertmanager has received, by state. The number of active and suppressed alerts should match the"
        " number firing in Prometheus.",
        ALERTS_RECEIVED,
        width=6,
    )


def to_alertmanager() -> Panel:
    return timeseries(
        "Alerts sent to Alertmanager",
        "suffix: alerts/s",
        "Sent should be above 0, because the Watchdog is sent over and over. Lost alerts are only normal at startup,"
        " while no Alertmanager is known.",
        SENT_TO_ALERTMANAGER,
        LOST,
        width=6,
    )


def notifications() -> Panel:
    return timeseries(
        "Notifications sent",
        "suffix: notifications/s",
        "Notifications to all receivers. 0 is normal while no receiver is configured. Failed should stay at 0.",
        NOTIFICATIONS,
        NOT_SENT,
        width=6,
    )
