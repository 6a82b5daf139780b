"""Tools for developers of the lab: product pictures, screenshots and tables of the docs, package updates.

Within the lab, only its command imports them, each when its verb runs.
"""
