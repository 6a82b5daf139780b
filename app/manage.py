#!/usr/bin/env python
"""Run Pomar's management commands: seed_catalogue and Django's own."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one command. An invalid setting is reported in one sentence, without a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Only uWSGI workers may write to this directory; a management command would leave its own metric files there.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"pomar: {error}")


if __name__ == "__main__":
    main()
