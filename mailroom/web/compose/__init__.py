"""The compose form.

compose_form.py (as typed), submission.py (to a draft), prefill.py (from an earlier mailing), uploads.py
(files that are kept while it has mistakes), offers.py (what can be written with, or gone on with).
"""
