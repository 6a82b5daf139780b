"""Pomar's settings, but with ``/metrics`` as a view in the shop. Most demos do this, but this lab does not."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "naive_urls"
# Prometheus scrapes over plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^metrics$"]
