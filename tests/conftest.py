"""Pomar's settings for the tests: loaded here, with a key of their own, and nothing of it left in the environment."""

import os
import secrets
from unittest.mock import patch

import django
from django.conf import settings

SHOP = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "CACHE_URL": "locmem://",
    "DEBUG": "false",
}

with patch.dict(os.environ, SHOP):
    # Files as they lie in the source: hashed names need collectstatic, and no test should.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()
