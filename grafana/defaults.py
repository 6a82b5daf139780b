"""Defaults for every dashboard, shared by the code that builds dashboards and the code that shows them."""

#: The time ranges: Grafana's ``from`` parameter, and the displayed name.
RANGES = {
    "now-5m": "Last 5 minutes",
    "now-15m": "Last 15 minutes",
    "now-1h": "Last hour",
    "now-6h": "Last 6 hours",
    "now-24h": "Last 24 hours",
}
DEFAULT_RANGE = "now-15m"
#: The value of a variable when *All* is selected. It also matches series without the label.
ALL = ".*"
