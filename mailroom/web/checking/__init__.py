"""Checking a mailing before Send: preflight, preview and test of a form that is kept meanwhile.

kept_form.py (the form on disk), kept_check.py (its people, how far it is, what was found), running.py
(beside the request), forecast.py (when it would be done), preview.py (as one recipient gets it),
for_testers.py (a test), shown_finding.py.
"""
