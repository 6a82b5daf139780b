"""The whole way of a request: the promise to visitors, and each tier's traffic, errors, time and saturation."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.objectives import Objectives
from grafana.boards.overview import cache, database, django, nginx, outside, promise, uwsgi


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-overview",
        title="Overview",
        description="Is the shop as good as promised, and if not, which tier is at fault: read from the top down.",
        of="up",
        rows=(
            Row(
                "The promise",
                (
                    promise.outside(),
                    promise.availability(objectives.availability),
                    promise.error_budget(objectives.availability),
                    promise.in_time(objectives.latency),
                    promise.orders(),
                    promise.alerts_firing(),
                    promise.what_is_firing(),
                ),
            ),
            Row("NGINX", (nginx.traffic(), nginx.errors(), nginx.time(objectives.latency), nginx.saturation())),
            Row("uWSGI", (uwsgi.traffic(), uwsgi.errors(), uwsgi.time(), uwsgi.saturation())),
            Row("Django", (django.traffic(), django.errors(), django.time(objectives.latency), django.saturation())),
            Row("Database", (database.traffic(), database.errors(), database.time(), database.saturation())),
            Row("Cache", (cache.traffic(), cache.errors(), cache.time(), cache.saturation())),
            Row(
                "From outside",
                (outside.probe_by_phase(), outside.whole_probe(), outside.targets_up(), outside.certificate()),
            ),
        ),
    )
