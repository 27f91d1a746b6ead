"""Schedule: wall-clock times of people's own zones, as pure computation.

zones.py (time zones by name, what a wall time means where the clocks change), sending_hours.py (on which days
and between which hours mail may go), repeat_rules.py (weekly, monthly, cron).
"""
