"""Lessons: what is often done wrong, done beside what is right, with the numbers of both."""
