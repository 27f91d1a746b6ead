"""Evidence: what a relay's own record proves of mails of which the ledger does not know, or knows the wrong.

lookup.py (which delivery a trace is of), examination.py (what it proves that the ledger does not know),
settling.py (the ledger is told).
"""
