"""Feedback: what is said of a mail after the relay's 250. Pure: it reads octets, and knows no ledger.

report.py (what every way in makes of what it reads). relay_logs (what a relay's own record says).
"""
