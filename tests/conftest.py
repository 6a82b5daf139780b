"""The tests' environment, which is as the lab's own command has it, and Pomar's settings for them.

The settings are loaded here, with a key of their own, and nothing of them is left in the environment.
``LAB_TEST_DATABASE_URL`` is the one variable that chooses a database: its ``test_…`` beside it is dropped and made.
"""

import os
import secrets
from unittest.mock import patch

import django
from django.conf import settings

from lab import environment
from lab.settings import CHECKS

environment.clean(CHECKS)

SHOP = {
    **environment.for_services(),
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "CACHE_URL": "locmem://",
    "DATABASE_URL": os.environ.get("LAB_TEST_DATABASE_URL", ""),
    "DEBUG": "false",
}

with patch.dict(os.environ, SHOP, clear=True):
    # Files as they lie in the source: hashed names need collectstatic, and no test should.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()
