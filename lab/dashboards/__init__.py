"""Grafana's dashboards without Grafana: reads their JSON, fills in variables, and queries Prometheus."""
