"""Preflight: every message of a submission, rendered and built before anybody gets one.

plan.py (what is looked at), preflight.py (all of it, and the report), crew.py and bench.py (many messages, in
processes of their own), sender_domain.py (what the DNS says), relay_limit.py (what the relay takes).
"""
