"""Commands about what comes back: bounces.py (messages), evidence.py (a relay's own record), suppressions.py
(whom it keeps from mail).
"""
