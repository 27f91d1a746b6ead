"""IMAP: a mailbox of somebody's server, whose new messages are read and put aside. No ledger, no thread.

place.py (where it is, as a URL says it), mailbox.py (one session; every wait has an end).
"""
