"""Commands about mailings, and about what becomes one.

send.py (with recipients.py, enclosures.py, written.py, when.py, dry_run.py and accepting.py), drafts.py,
templates.py, repeats.py, report.py.
"""
