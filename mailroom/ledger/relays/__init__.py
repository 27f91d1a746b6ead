"""Relays: what all workers know together of a mail server.

circuit.py (circuit breaker), rates.py (rate limit, GCRA), recovery.py (a person ends both),
parked_sessions.py (which keep workers waiting).
"""
