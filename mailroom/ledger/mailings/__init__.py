"""Mailings: written at acceptance, read by pages and programs, moved by people.

mailings.py first (one row, and how it is found), then insertion.py (how it comes to be), lifecycle.py (how
it begins, is paused, resumed or canceled, and ends), contents.py and originals.py (what it says), counters.py
(how its deliveries stand), sums.py (how those of all do), emails.py (single mails of the API) and
idempotency.py (a second submission gets the first one's answer).
"""
