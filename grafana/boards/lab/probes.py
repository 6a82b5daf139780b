"""The external probes."""

from grafana.boards.lab.targets import EACH
from grafana.boards.panels import Column, Panel, table
from grafana.boards.queries import Query

YES_OR_NO = {"0": ("no", "red"), "1": ("yes", "green")}

PROBES = [
    Query(f"{EACH} ({metric}{{$selector}})")
    for metric in ("probe_success", "probe_http_status_code", "probe_http_ssl", "probe_duration_seconds")
] + [Query(f"{EACH} (probe_ssl_earliest_cert_expiry{{$selector}}) * 1000")]


def each_probe() -> Panel:
    return table(
        "Probes",
        "Probes of the shop and of its HTTP redirect from outside. Both should succeed: status 200 with TLS, and a"
        " redirect without.",
        (
            Column("instance", "Address"),
            Column("#A", "Success", mappings=YES_OR_NO),
            Column("#B", "Status"),
            Column("#C", "TLS", mappings={"0": ("no", "blue"), "1": ("yes", "blue")}),
            Column("#D", "Duration", unit="s"),
            Column("#E", "Certificate expires", unit="dateTimeFromNow"),
        ),
        *PROBES,
        width=16,
        height=6,
    )
