"""Alerts and objectives: generates Prometheus's rules from one table each, with the times of production or the lab."""
