"""Pomar's settings with ``/metrics`` as a view in the shop, as in most demos, but not in this lab."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "naive_urls"
# Prometheus scrapes over plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^metrics$"]
