"""Tables of what comes back: reports, strikes, and the providers that may tell."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
)

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, partial_index
from mailroom.ledger.schema.metadata import table

IS_UNMATCHED = condition("unmatched <> ''")

IS_OPEN = condition("is_open")

reports = table(  # what was said of a mail after the relay's 250: a fact of its delivery
    "reports",
    Column("id", Id, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),  # of one that is read twice it is the same
    Column("kind", String(10), nullable=False),  # bounced | delayed | relayed | delivered | complained | sent
    Column("way", String(20), nullable=False),  # in which it came: pipe, imap, ses...
    Column("delivery_id", Id, ForeignKey("deliveries.id", ondelete="CASCADE")),  # NULL: nobody knows which
    Column("mailing_id", Id),
    Column("address", String(320), nullable=False),  # as the report has it
    Column("at", Millis),  # when it happened; NULL: it does not say
    Column("received_at", Millis, nullable=False),
    Column("code", SmallInteger),
    Column("status", String(11), nullable=False),  # enhanced (RFC 3463)
    Column("words", Text, nullable=False),
    Column("reporter", String(255), nullable=False),
    Column("is_transient", Boolean, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("unmatched", String(200), nullable=False),  # why it is of no delivery; "": it is of one
    Column("is_open", Boolean, nullable=False),  # its mail was being handed over: it is looked at again
    Column("taken_at", Millis),  # of what came back: when the relay had taken it,
    Column("taken_with", Text),  # and its code and words
    partial_index("ix_reports_delivery_id", "delivery_id", where=condition("delivery_id IS NOT NULL")),
    partial_index(
        "ix_reports_mailing_id_kind", "mailing_id", "kind", where=condition("mailing_id IS NOT NULL")
    ),
    partial_index("ix_reports_mailing_id_id", "mailing_id", "id", where=condition("mailing_id IS NOT NULL")),
    partial_index("ix_reports_unmatched", "id", where=IS_UNMATCHED),
    partial_index("ix_reports_open", "id", where=IS_OPEN),
    **NEVER_REUSED,
)

strikes = table(  # bounces that may be the address's fault, and do not suppress it yet
    "strikes",
    Column("address_key", String(320), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("last_at", Millis, nullable=False),
)

provider_doors = table(  # providers of mail that may tell what became of it: see feedback/provider_doors.py
    "provider_doors",
    Column("provider", String(20), primary_key=True),
    Column("path", String(64), nullable=False, unique=True),  # the end of its URL, which nobody can guess
    Column("keys", JSON, nullable=False),  # any of which proves a post
    Column("created_at", UtcTime, nullable=False),
    Column("confirmed_at", UtcTime),  # when it was last answered that we want to be told
)

provider_refusals = table(  # posts by such a URL that were not believed
    "provider_refusals",
    Column("id", Id, primary_key=True),
    Column("provider", String(20), nullable=False),
    Column("at", Millis, nullable=False),
    Column("address", String(64), nullable=False),  # whose post it was
    Column("words", Text, nullable=False),
    Index("ix_provider_refusals_provider_id", "provider", "id"),
)

provider_tokens = table(  # what proves one post only, or was told once
    "provider_tokens",
    Column("digest", String(64), primary_key=True),
    Column("said", String(64), nullable=False),  # sha-256 of the keys of its reports, hex
    Column("at", Millis, nullable=False, index=True),
)
