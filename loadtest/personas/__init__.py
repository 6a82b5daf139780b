"""The load test's personas, one per file."""
