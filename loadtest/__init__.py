"""Pomar's load test for Locust: personas, load profiles, and a verdict on each run."""
