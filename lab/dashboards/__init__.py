"""Grafana's dashboards without Grafana: what their JSON says, its variables filled in, asked of Prometheus."""
