"""The personas of the load test, one file each."""
