"""Pomar's load: personas who shop with Locust, profiles that say how many of them, and a verdict at the end."""
