"""Tables of consent: who gets no mail, and what seals the links by which they say so."""

from __future__ import annotations

from sqlalchemy import Column, SmallInteger, String, Text

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import Id, condition, partial_index
from mailroom.ledger.schema.metadata import table

suppressions = table(  # the first three say who, and how much mail: see consent/scopes.py
    "suppressions",
    Column("address_key", String(320), primary_key=True),
    Column("sender", String(320), primary_key=True, server_default=""),  # whose bulk mail; "": all mail
    Column("list_name", String(60), primary_key=True, server_default=""),  # which of it; "": all of it
    Column("reason", String(20), nullable=False),  # manual | unsubscribed | bounced | complained
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("mailing_id", Id),  # which led to it
    Column("delivery_id", Id),  # whose link it was; no foreign key: it outlives what it came from
    Column("evidence", Text, nullable=False, server_default=""),
    partial_index("ix_suppressions_mailing_id", "mailing_id", where=condition("mailing_id IS NOT NULL")),
)

link_keys = table(  # the ring that seals unsubscribe links: see consent/link_keys.py
    "link_keys",
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),  # hex
    Column("created_at", Millis, nullable=False),
)
