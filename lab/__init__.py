"""The ``lab`` command (``python -m lab``), which the Makefile runs."""
