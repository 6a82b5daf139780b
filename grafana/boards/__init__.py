"""Grafana's dashboards as code: a module each, and what they share. `make generate` writes the JSON from them."""

from grafana.boards import django, lab, nginx, overview, postgres, redis, shop, uwsgi
from grafana.boards.dashboard import Dashboard

#: In the order in which a reader goes: the whole, the way of a request, what it stands on, and what watches it.
DASHBOARDS: tuple[Dashboard, ...] = (
    overview.build(),
    nginx.build(),
    uwsgi.build(),
    django.build(),
    shop.build(),
    postgres.build(),
    redis.build(),
    lab.build(),
)
