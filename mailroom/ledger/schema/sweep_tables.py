"""Tables of one row, or of one for a machine: the sweeper, the clock, the hold, the ledger's own name."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Text

from mailroom.database.clock import Millis
from mailroom.ledger.schema.metadata import table

sweeper = table(  # one row: whose turn it is, and how the last round went
    "sweeper",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(100), nullable=False),
    Column("swept_at", Millis, nullable=False),
    Column("round_ms", Integer, nullable=False),
    Column("set_ms", BigInteger, nullable=False, server_default="0"),  # how far the clock was set, in all
)

uptimes = table(  # what a machine that sweeps last saw of the ledger's clock, and of its own uptime
    "uptimes",
    Column("boot", String(100), primary_key=True),  # the machine, since it started
    Column("at", Millis, nullable=False),  # by the ledger's clock
    Column("awake_ms", Millis, nullable=False),
    Column("up_ms", Millis, nullable=False),
    Column("set_ms", BigInteger, nullable=False),  # the sweeper's, at that time
)

holds = table(  # one row while nothing may be sent: see holding.py
    "holds",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("since", Millis, nullable=False),
    Column("reason", Text, nullable=False),
)

identity = table(  # one row: this ledger's own name, by which workers know each other
    "identity",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),
)
