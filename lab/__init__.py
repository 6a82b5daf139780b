"""The lab's own command: ``python -m lab``, called by the Makefile."""
