"""The shop's URLs plus ``/metrics``. Any free worker serves a scrape, and returns only its own counts."""

from config.urls import *  # noqa: F403
from config.urls import urlpatterns as shop
from django.urls import path
from django_prometheus.exports import ExportToDjangoView

urlpatterns = [*shop, path("metrics", ExportToDjangoView, name="metrics")]
