"""Calling webhooks.

calling.py (claims and calls), payload.py (what is said), notice.py (when one is given up).
"""
