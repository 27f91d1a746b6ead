"""The ledger: the truth about mailings, deliveries and batches. Knows no Flask, no RQ and no SMTP.

Read `schema` (the tables), states.py and moves.py (the state machine, and its one door, over picking.py)
first. Then a room for each noun: `mailings`, `deliveries`, `batches`; `sweep` (what is due, and what was
lost), `relays` (circuit breaker and rate limit of each mail server), `webhooks`, `people` (users, browsers,
API keys), `consent` (of whose mail somebody wants no more), `templates` (letters that are kept), `drafts`
(mailings that are being written).
suppressions.py is the list of who gets no mail, totals.py sums for monitoring, migrate.py brings a database
to the newest schema.
"""
