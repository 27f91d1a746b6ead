"""Webhooks in the ledger, as an outbox: written in the transaction that makes them true.

webhook_endpoints.py (who is told), webhook_events.py (of what), webhook_calls.py (the calls: claimed,
tried again, replayed).
"""
