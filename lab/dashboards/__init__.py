"""Use Grafana's dashboards without Grafana: read their JSON, fill in their variables, and query Prometheus."""
