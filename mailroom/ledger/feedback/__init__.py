"""Feedback in the ledger: the facts of deliveries after the 250, and what is counted of them.

mailed.py (which deliveries there are, by id or Message-ID), reports.py (the facts, and what is of no
delivery), complaints.py (noted beside the state), strikes.py (bounces of an address, until it is
suppressed), tripping.py (a mailing of which too much comes back). Of mail providers: provider_doors.py (which
may tell, by which keys), sent_as.py (what they call a mail).
"""
