"""Templates in the ledger: letters that are kept, and every version of them that was published.

stored.py (find, list, keep, change, remove), versions.py (publish, look back, go back), reach.py (whose).
"""
