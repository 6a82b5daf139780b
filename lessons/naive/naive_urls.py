"""The shop's addresses, and ``/metrics`` among them: whichever worker is free answers, of itself alone."""

from config.urls import *  # noqa: F403
from config.urls import urlpatterns as shop
from django.urls import path
from django_prometheus.exports import ExportToDjangoView

urlpatterns = [*shop, path("metrics", ExportToDjangoView, name="metrics")]
