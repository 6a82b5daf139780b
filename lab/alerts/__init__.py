"""Alerts and objectives: two tables, from which Prometheus's rules for production and for the lab are generated."""
