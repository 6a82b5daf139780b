"""Load runs: what is kept of them, their ledger and their report."""
