"""Repeats in the ledger: submissions that are kept with a rule, and what became of each of their ticks.

repeats.py (kept, found, changed, due), ticks.py (one mailing for each tick, whoever dies in between).
"""
