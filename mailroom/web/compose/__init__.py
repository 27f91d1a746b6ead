"""The compose form.

compose_form.py (as typed), submission.py (what the engine accepts), prefill.py (from an earlier mailing),
uploads.py (files that are kept while it has mistakes), offers.py (what can be written with, or gone on with).
"""
