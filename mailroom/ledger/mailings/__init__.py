"""Mailings: written at acceptance, read by pages and programs, moved by people.

mailings.py first (one row, and what may be done with it), then insertion.py (how it comes to be),
contents.py and originals.py (what it says), counters.py (how its deliveries stand), sums.py (how those of all
do), emails.py (single mails of the API) and idempotency.py (a second submission gets the first one's answer).
"""
