"""Lists in the ledger: recipients that are kept, with their variables and their consent.

kept.py (the lists themselves), members.py (who is on one; search), consent.py (facts, never overwritten),
lease.py (one import at a time), reach.py (whose).
"""
