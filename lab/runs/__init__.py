"""Load runs: their results, ledgers and reports."""
