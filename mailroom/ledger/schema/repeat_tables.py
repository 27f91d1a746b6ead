"""Tables of repeats: their rules, what they send, their ticks."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, String, Text

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, partial_index
from mailroom.ledger.schema.metadata import table, word_of
from mailroom.ledger.states import RepeatState

IS_REPEATING = condition("state = 'active'")

repeats = table(  # a draft that is kept, and a rule: each tick makes one mailing of it
    "repeats",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("state", word_of(RepeatState), nullable=False),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("program_id", Id),  # whose it is: see api_keys; NULL: people's
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("total", Integer, nullable=False),  # recipients
    Column("rule", String(200), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("hours", String(120)),  # sending hours of its mailings
    Column("next_at", UtcTime),  # the next tick; NULL: there is none
    Column("ends_at", UtcTime),  # no tick after this
    Column("times", Integer),  # so many ticks more; NULL: without an end
    Column("paused_for", Text),  # why it paused itself
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    partial_index("ix_repeats_next_at", "next_at", where=IS_REPEATING),
    **NEVER_REUSED,
)

repeat_drafts = table(  # what a repeat sends and to whom, apart from it: lists must not read megabytes
    "repeat_drafts",
    Column("repeat_id", Id, ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
    Column("draft", LargeBinary, nullable=False),  # engine/repeats/kept_submission.py
)

repeat_ticks = table(  # what became of each tick; the key makes it one mailing at the most
    "repeat_ticks",
    Column("repeat_id", Id, ForeignKey("repeats.id", ondelete="CASCADE"), primary_key=True),
    Column("tick_at", Millis, primary_key=True, autoincrement=False),
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="CASCADE"), index=True),  # NULL: it made none
    Column("by_hand", Boolean, nullable=False),  # somebody asked for it, and no rule
    Column("why", Text, nullable=False, server_default=""),  # it made no mailing
    Column("noted_at", Millis, nullable=False),
)
