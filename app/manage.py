#!/usr/bin/env python
"""Pomar's commands: migrate, seed_catalogue, check and Django's own."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one command; a broken setting ends in its one sentence, without a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # The workers' directory of metrics is theirs alone: a command that ran beside them would leave files in it.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"pomar: {error}")


if __name__ == "__main__":
    main()
