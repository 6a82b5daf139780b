"""Pomar's settings, with ``/metrics`` as one more page of the shop: what most demos do, and what this lab does not."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "naive_urls"
# Prometheus asks by plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^metrics$"]
