"""What watches the shop, whether it can be believed, and what it costs."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.lab import alerts, events, grafana, probes, prometheus, targets


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-lab",
        title="Lab",
        description="What watches the shop, whether it can be believed, and what it costs.",
        of="up",
        rows=(
            Row(
                "Now",
                (
                    targets.down(),
                    prometheus.configuration(),
                    prometheus.rules_failed(),
                    prometheus.series(),
                    prometheus.samples(),
                    targets.slowest_scrape(),
                ),
            ),
            Row(
                "Targets",
                (
                    targets.each_target(),
                    targets.scrape_time(),
                    targets.series_by_job(),
                    targets.series_by_target(),
                    targets.new_series(),
                ),
            ),
            Row(
                "Prometheus",
                (
                    prometheus.samples_by_type(),
                    prometheus.time_of_one_rule(),
                    prometheus.rule_groups(),
                    prometheus.storage(),
                    prometheus.cpu_by_job(),
                    prometheus.memory_by_job(),
                ),
            ),
            Row("Exporters and probes", (probes.each_probe(), events.pushgateway())),
            Row(
                "Alerts",
                (alerts.in_prometheus(), alerts.in_alertmanager(), alerts.to_alertmanager(), alerts.to_people()),
            ),
            Row("The lab itself", (events.each_event(), grafana.versions())),
        ),
    )
