"""Drills: real faults under real load, each with the alerts that must fire."""
