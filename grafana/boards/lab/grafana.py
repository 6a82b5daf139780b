"""Grafana's version and dashboards."""

from grafana.boards.panels import Column, Panel, table
from grafana.boards.queries import Query

GRAFANA = ("grafana",)

VERSIONS = [
    Query("sum by (instance, version, edition) (grafana_build_info{$selector})"),
    Query("sum by (instance) (grafana_stat_totals_dashboard{$selector})"),
]


def versions() -> Panel:
    return table(
        "Grafana",
        "The version that shows this, and how many dashboards it has: one for each file, or provisioning failed.",
        (
            Column("instance", "Instance"),
            Column("version", "Version"),
            Column("edition", "Edition"),
            Column("#B", "Dashboards", unit="short"),
        ),
        *VERSIONS,
        width=8,
        needs=GRAFANA,
    )
