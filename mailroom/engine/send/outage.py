"""Outage of the ledger: nothing is given up, and everybody asks again."""

LEDGER_RETRY = 0.25
"""Seconds until the next try while the ledger is away."""
