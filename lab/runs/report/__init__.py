"""The run report: one HTML file a run, with its verdict, its ledger and the dashboards as Grafana would draw them."""
