"""What every dashboard offers its reader, for the code that builds dashboards and the code that shows them."""

#: The time ranges: what Grafana writes in ``from``, and the name that is shown.
RANGES = {
    "now-5m": "Last 5 minutes",
    "now-15m": "Last 15 minutes",
    "now-1h": "Last hour",
    "now-6h": "Last 6 hours",
    "now-24h": "Last 24 hours",
}
DEFAULT_RANGE = "now-15m"
#: What a variable stands for when all of its values are chosen; it also matches series without the label.
ALL = ".*"
