"""The Lab dashboard: whether the monitoring itself works, and how many resources it uses."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.lab import alerts, events, grafana, probes, prometheus, targets


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-lab",
        title="Lab",
        description="The monitoring itself: whether it works, and how many resources it uses.",
        of="up",
        rows=(
            Row(
                "At a glance",
                (
                    targets.down(),
                    prometheus.configuration(),
                    prometheus.rule_failures(),
                    prometheus.series(),
                    prometheus.samples(),
                    targets.slowest_scrape(),
                ),
            ),
            Row(
                "Targets",
                (
                    targets.each_target(),
                    targets.scrape_duration(),
                    targets.series_by_job(),
                    targets.series_by_target(),
                    targets.new_series(),
                ),
            ),
            Row(
                "Prometheus",
                (
                    prometheus.samples_by_type(),
                    prometheus.rule_duration(),
                    prometheus.rule_groups(),
                    prometheus.storage(),
                    prometheus.cpu_by_job(),
                    prometheus.memory_by_job(),
                ),
            ),
            Row("Exporters and probes", (probes.each_probe(), events.pushgateway())),
            Row(
                "Alerts",
                (alerts.in_prometheus(), alerts.in_alertmanager(), alerts.to_alertmanager(), alerts.notifications()),
            ),
            Row("Events and Grafana", (events.each_event(), grafana.versions())),
        ),
    )
