"""Drills: a real system, a fault, and a count of every mail. `python -m tests.drills --help`."""
