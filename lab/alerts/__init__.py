"""Alerts and objectives: from one table each to Prometheus's rules, with production's times or the lab's."""
