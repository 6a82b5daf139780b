"""Grafana's version and number of dashboards."""

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
        "Version of this Grafana, and its number of dashboards. There should be one dashboard per file; otherwise"
        " provisioning has failed.",
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
