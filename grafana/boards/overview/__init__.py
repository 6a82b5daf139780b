"""The Overview dashboard: service level, and the traffic, errors, latency and saturation of each tier."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.objectives import Objectives
from grafana.boards.overview import cache, database, django, nginx, probes, service_level, uwsgi


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-overview",
        title="Overview",
        description="Service level, and traffic, errors, latency and saturation of each tier. Read it from top to"
        " bottom to find the tier at fault.",
        of="up",
        rows=(
            Row(
                "Service level",
                (
                    service_level.external_probe(),
                    service_level.availability(objectives.availability),
                    service_level.error_budget(objectives.availability),
                    service_level.in_time(objectives.latency),
                    service_level.orders(),
                    service_level.alerts_firing(),
                    service_level.list_of_firing_alerts(),
                ),
            ),
            Row("NGINX", (nginx.traffic(), nginx.errors(), nginx.latency(objectives.latency), nginx.saturation())),
            Row("uWSGI", (uwsgi.traffic(), uwsgi.errors(), uwsgi.latency(), uwsgi.saturation())),
            Row("Django", (django.traffic(), django.errors(), django.latency(objectives.latency), django.saturation())),
            Row("Database", (database.traffic(), database.errors(), database.latency(), database.saturation())),
            Row("Cache", (cache.traffic(), cache.errors(), cache.latency(), cache.saturation())),
            Row(
                "Probes and targets",
                (probes.duration_by_phase(), probes.duration(), probes.targets_up(), probes.certificate()),
            ),
        ),
    )
