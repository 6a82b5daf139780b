"""Lessons: a common mistake side by side with the correct setup, with the numbers of both."""
