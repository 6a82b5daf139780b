"""Tools for the lab's developers: product pictures, screenshots and tables for the docs, package updates.

In the lab, only the command imports these modules, each one when its verb runs.
"""
