"""Drafts in the ledger: mailings that are being written, what they were before, and their files.

kept_fields.py (what is kept of a form), stored.py (find, list, add, change, remove, turn into a mailing),
versions.py (what it was before), contents_of_drafts.py (files and long texts, each once), room.py (how much
is kept, and for how long).
"""
