"""Schedule: wall-clock times of people's own zones, as pure computation.

zones.py (time zones by name, what a wall time means where the clocks change).
"""
