"""Lessons. Each one runs a common mistake and the correct setup side by side, and compares their numbers."""
