"""Django: which views are asked for, how they answer and how soon, and what they ask of the database and the cache."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.django import cache, database, exceptions, models, requests, responses, views
from grafana.boards.objectives import Objectives


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-django",
        title="Django",
        description="Which views are asked for, how they answer and how soon, and what they ask of database and cache.",
        of="django_http_requests_before_middlewares_total",
        rows=(
            Row(
                "Now",
                (
                    requests.rate(),
                    requests.share_of_5xx(objectives.availability),
                    requests.slowest(objectives.latency),
                    database.statements_a_request(),
                    cache.hit_ratio(),
                    models.unapplied_migrations(),
                ),
            ),
            Row(
                "The whole of Django",
                (
                    requests.requests_and_responses(),
                    requests.in_flight(),
                    requests.time(objectives.latency),
                    requests.all_times(),
                ),
            ),
            Row(
                "By view",
                (
                    views.responses(),
                    views.p95(),
                    views.errors(),
                    views.refused(),
                    views.mean_time(),
                    views.not_ended(),
                    views.each_view(objectives.availability),
                ),
            ),
            Row(
                "Responses",
                (
                    responses.by_status(),
                    responses.by_method(),
                    responses.by_transport(),
                    responses.seldom(),
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
                    database.statements(),
                    database.statements_a_request_over_time(),
                    database.time_of_a_statement(),
                    database.share_of_a_request(),
                    database.new_connections(),
                    database.errors(),
                ),
            ),
            Row("Cache", (cache.reads(), cache.hit_ratio_over_time(), cache.reads_a_request())),
            Row(
                "Models and migrations",
                (models.rows_inserted(), models.rows_saved(), models.rows_deleted(), models.migrations()),
            ),
        ),
    )
