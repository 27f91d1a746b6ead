"""Consent in the ledger: whose mail somebody wants no more of, and the keys that seal links of it.

scopes.py (how much mail a suppression stops, as SQL), unsubscribing.py (what a link does and takes back),
link_keys.py (the ring of keys). The list itself is suppressions.py, beside this room.
"""
