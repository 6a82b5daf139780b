"""The Django dashboard: requests, response times and exceptions by view, and Django's database and cache usage."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.django import cache, database, exceptions, models, requests, responses, views
from grafana.boards.objectives import Objectives


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-django",
        title="Django",
        description="Requests, response times and exceptions by view, and Django's database and cache usage.",
        of="django_http_requests_before_middlewares_total",
        rows=(
            Row(
                "At a glance",
                (
                    requests.rate(),
                    requests.error_ratio(objectives.availability),
                    requests.target_percentile(objectives.latency),
                    database.queries_per_request(),
                    cache.hit_ratio(),
                    models.unapplied_migrations(),
                ),
            ),
            Row(
                "All requests",
                (
                    requests.requests_and_responses(),
                    requests.in_flight(),
                    requests.response_time(objectives.latency),
                    requests.response_time_heatmap(),
                ),
            ),
            Row(
                "By view",
                (
                    views.responses(),
                    views.p95(),
                    views.errors(),
                    views.client_errors(),
                    views.mean_time(),
                    views.in_flight(),
                    views.each_view(objectives.availability),
                ),
            ),
            Row(
                "Responses",
                (
                    responses.by_status(),
                    responses.by_method(),
                    responses.by_transport(),
                    responses.unusual(),
                    responses.by_template(),
                    responses.by_charset(),
                    responses.response_sizes(),
                    responses.request_sizes(),
                ),
            ),
            Row("Exceptions", (exceptions.by_type(), exceptions.by_view(), exceptions.beside_5xx())),
            Row(
                "Database",
                (
                    database.queries(),
                    database.queries_per_request_over_time(),
                    database.query_duration(),
                    database.response_time_and_database_time(),
                    database.new_connections(),
                    database.query_errors(),
                ),
            ),
            Row("Cache", (cache.lookups(), cache.hit_ratio_over_time(), cache.lookups_per_request())),
            Row(
                "Models and migrations",
                (models.rows_inserted(), models.rows_updated(), models.rows_deleted(), models.migrations()),
            ),
        ),
    )
