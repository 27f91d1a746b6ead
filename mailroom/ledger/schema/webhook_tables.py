"""Tables of webhooks: the outbox, and who is told."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, String, Text

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, partial_index
from mailroom.ledger.schema.metadata import table

webhook_endpoints = table(  # who wants to be told of what
    "webhook_endpoints",
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", String(100), nullable=False),  # whsec_...: signing needs it as it is
    Column("events", Text, nullable=False),  # " email.sent email.failed ": matched in SQL
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),  # NULL: it is called
    Column("disabled_why", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failing_since", Millis),
    Column("paused_until", Millis, nullable=False, server_default="0"),
    **NEVER_REUSED,  # an id never comes again: it is in the log
)

webhook_calls = table(  # one event for one endpoint: written with the change itself, then called out
    "webhook_calls",
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("type", String(40), nullable=False),
    Column("mailing_id", Id),
    Column("delivery_id", Id),
    Column("at", Millis, nullable=False),  # when it happened
    Column("code", SmallInteger),  # what the mail server had said then
    Column("reply", Text),
    Column("state", String(10), nullable=False),  # waiting | done | failed
    Column("due_at", Millis),  # NULL: at an end
    Column("expires_at", Millis, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("status", SmallInteger),  # of the endpoint's last answer
    Column("answer", Text),
    Column("took_ms", Integer),
    Column("ended_at", Millis),
    Index("ix_webhook_calls_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_webhook_calls_endpoint_id_state_id", "endpoint_id", "state", "id"),
    partial_index("ix_webhook_calls_due", "endpoint_id", "due_at", where=condition("due_at IS NOT NULL")),
    partial_index("ix_webhook_calls_ended_at", "ended_at", where=condition("ended_at IS NOT NULL")),
    **NEVER_REUSED,
)
