"""Kept lists in use.

importing.py (what an import would change, and the import; a single member) with arrivals.py (newcomers beside
who is there), making.py (a list made of another, or of a mailing), reading.py (as a mailing's recipients),
removing.py.
"""
