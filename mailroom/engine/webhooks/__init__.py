"""Calling webhooks.

calling.py (claims and calls), many_calls.py (all that wait, failed or are kept of one endpoint), payload.py
(what is said), notice.py (when one is given up).
"""
