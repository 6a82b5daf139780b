"""Grafana's dashboards as code: one module or package per dashboard. `make generate` writes the JSON files."""

from collections.abc import Iterable

from grafana.boards import django, lab, nginx, overview, postgres, redis, shop, uwsgi
from grafana.boards.dashboard import Dashboard
from grafana.boards.objectives import Objective, Objectives


def build(objectives: Iterable[Objective]) -> tuple[Dashboard, ...]:
    """Return the dashboards in reading order. Raises ValueError if an objective that they show is missing."""
    shown = Objectives.of(objectives)
    return (
        overview.build(shown),
        nginx.build(shown),
        uwsgi.build(shown),
        django.build(shown),
        shop.build(),
        postgres.build(),
        redis.build(),
        lab.build(),
    )
