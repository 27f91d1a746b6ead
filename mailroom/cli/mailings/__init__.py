"""Commands about mailings, and about what becomes one.

send.py (with recipients.py, dry_run.py, enclosures.py, written.py and when.py), drafts.py, templates.py,
repeats.py, report.py.
"""
