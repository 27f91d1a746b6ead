"""Tables of relays: their sessions, their circuits, their rates."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String, Text

from mailroom.database.clock import Millis
from mailroom.database.sql.ddl import NEVER_REUSED, Id
from mailroom.ledger.schema.metadata import table

sessions = table(  # one open SMTP connection of a worker: a lane of the timeline
    "sessions",
    Column("id", Id, primary_key=True),
    Column("worker", String(100), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, 3... within its worker
    Column("server", String(300), nullable=False),
    Column("opened_at", Millis, nullable=False),
    **NEVER_REUSED,
)

parked_sessions = table(  # one that waits for its server while its worker goes on with other mail
    "parked_sessions",
    Column("worker", String(100), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("server", String(300), nullable=False),
    Column("stage", String(10), nullable=False),  # of the dialogue
    Column("since", Millis, nullable=False),
    Column("noted_until", Millis, nullable=False),  # its worker says it again before
)

servers = table(  # what workers know together about a mail server
    "servers",
    Column("server", String(300), primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row; 0: it took a mail at `updated_at`
    Column("closed_until", Millis, nullable=False),  # the circuit: no connecting before this
    Column("stage", String(10), nullable=False),
    Column("code", SmallInteger),
    Column("reply", Text, nullable=False),
    Column("since", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
)

throttles = table(  # when the next mail may leave, for all workers together (GCRA)
    "throttles",
    Column("name", String(300), primary_key=True),
    Column("next_at", BigInteger, nullable=False),  # MICROseconds: 5,000 mails a second must fit
    Column("interval_us", BigInteger, nullable=False),  # present spacing; grows when the server slows us
    Column(
        "updated_at", Millis, nullable=False
    ),  # when a server last changed it; 0: it is the one that is set
    Column("set_us", BigInteger),  # the spacing of the settings; NULL: none
    Column(
        "refused_us", BigInteger
    ),  # the spacing at which the server last asked for more; NULL: it held since
)
