"""Counters as rates a minute and totals, with 0 until the first event."""

from grafana.boards.queries import or_zero

ANSWERS = "django_http_responses_total_by_status_view_method_total"
PLACED = 'pomar_orders_total{$selector,outcome="placed"}'
# Django is always asked for something, if only for its health: beside it a shop without customers shows 0.
BESIDE = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
BESIDE_IN_ALL = "sum(increase(django_http_requests_before_middlewares_total{$selector}[$__range]))"


def a_minute(events: str) -> str:
    """Return how often a minute something happens, given by its counter's selector; 0 until the first time."""
    return f"60 * {or_zero(f'sum(rate({events}[$__rate_interval]))', BESIDE)}"


def in_all(events: str) -> str:
    """Return how often something happened in the time shown; 0 until the first time."""
    return or_zero(f"sum(increase({events}[$__range]))", BESIDE_IN_ALL)
