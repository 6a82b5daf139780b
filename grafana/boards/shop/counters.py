"""Counters as rates per minute and as totals, with 0 until the first event."""

from grafana.boards.queries import or_zero

RESPONSES = "django_http_responses_total_by_status_view_method_total"
PLACED = 'pomar_orders_total{$selector,outcome="placed"}'
# Django always gets requests, at least health checks, so a shop without customers shows 0.
BESIDE = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
BESIDE_TOTAL = "sum(increase(django_http_requests_before_middlewares_total{$selector}[$__range]))"


def per_minute(events: str) -> str:
    """Return the query for a counter's rate per minute, or 0 until the first event. ``events`` is its selector."""
    return f"60 * {or_zero(f'sum(rate({events}[$__rate_interval]))', BESIDE)}"


def total(events: str) -> str:
    """Return the query for a counter's increase in the selected time range, or 0 until the first event."""
    return or_zero(f"sum(increase({events}[$__range]))", BESIDE_TOTAL)
