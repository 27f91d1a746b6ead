"""Tables of batches: what is leased, and whose job went on with it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, SmallInteger, String

from mailroom.database.clock import Millis
from mailroom.database.sql.ddl import NEVER_REUSED, Id
from mailroom.ledger.schema.metadata import table

batches = table(
    "batches",
    Column("id", Id, primary_key=True),
    Column("queue", String(10), nullable=False),
    Column("size", Integer, nullable=False),
    Column("route", String(10), nullable=False, server_default=""),
    Column("max_sessions", SmallInteger),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("owner", String(100)),  # the worker that claimed it
    Column("lease_until", Millis),  # milliseconds by the database's clock
    Column("enqueued_at", Millis, nullable=False),
    Column("in_hand", Boolean),  # whether something is being built or sent; NULL: nobody notes it here
    **NEVER_REUSED,  # a batch's id stays on its deliveries, so it must never come again
)

turns = table(  # a further batch of a job that goes on: whose job it was
    "turns",
    Column("batch_id", Id, primary_key=True, autoincrement=False),
    Column("job_batch_id", Id, nullable=False, index=True),  # the batch in the job's name
)
