"""Tables of drafts: what is being written, and what it was before."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)

from mailroom.database.clock import UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id, condition, partial_index
from mailroom.ledger.schema.metadata import table

IS_NOT_SENT = condition("mailing_id IS NULL")

IS_SENT = condition("mailing_id IS NOT NULL")

drafts = table(  # mailings that are being written
    "drafts",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL"), index=True),  # whose it is
    Column("program_id", Id, index=True),  # the same, of what came by an API key: see mailings
    Column("changed_by", Id, ForeignKey("users.id", ondelete="SET NULL")),  # NULL: a program, a command
    Column("name", String(200), nullable=False),  # that somebody gave it; "": its subject is its name
    Column("subject", Text, nullable=False),
    Column("recipients", Integer),  # as far as it is known; NULL: it is not
    Column("form", JSON, nullable=False),  # see drafts/kept_fields.py
    Column("revision", Integer, nullable=False),  # rises with every change
    Column("writer", String(64), nullable=False),  # the page that wrote it last,
    Column("writes", Integer, nullable=False),  # and how many changes that had made by then
    Column("octets", BigInteger, nullable=False),  # of all that is kept of it
    Column("version", Integer, nullable=False),  # the newest one's number; 0: there is none
    Column("version_at", UtcTime),
    Column("is_changed", Boolean, nullable=False),  # since that version
    Column("mailing_id", Id, ForeignKey("mailings.id", ondelete="SET NULL")),  # that it became
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    partial_index("ix_drafts_not_sent", "updated_at", "id", where=IS_NOT_SENT),
    partial_index("ix_drafts_mailing_id", "mailing_id", where=IS_SENT),
    **NEVER_REUSED,
)

draft_versions = table(  # what a draft was before
    "draft_versions",
    Column("draft_id", Id, ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("form", JSON, nullable=False),
    Column("reason", String(10), nullable=False),  # pause | check | test | send | restore
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who had written it
    Column("at", UtcTime, nullable=False),
)

draft_blobs = table(  # files and long texts of a draft and its versions, each of them once
    "draft_blobs",
    Column("id", Id, primary_key=True),
    Column("draft_id", Id, ForeignKey("drafts.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), nullable=False),  # sha-256, hex
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("draft_id", "digest"),
)
