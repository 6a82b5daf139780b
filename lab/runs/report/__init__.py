"""The run report: one HTML file per run, with its verdict, its ledger and the dashboards, drawn as in Grafana."""
