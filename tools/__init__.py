"""Tools for developers of the lab: draw product pictures, take screenshots, write tables in the docs, update packages.

In ``lab/``, only ``lab/cli.py`` imports these modules, and each one only when a verb needs it.
"""
