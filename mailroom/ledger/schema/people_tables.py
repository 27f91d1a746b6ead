"""Tables of people and of their programs: who may come in, and who is in."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, String, Text

from mailroom.database.clock import UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id
from mailroom.ledger.schema.metadata import table

users = table(
    "users",
    Column("id", Id, primary_key=True),
    Column("email", String(320), nullable=False, unique=True),  # lower case
    Column("password_hash", Text),  # argon2; NULL: signs in by link only
    Column("created_at", UtcTime, nullable=False),
    Column("zone", String(64)),  # Europe/Berlin; NULL: none is known yet
)

sign_ins = table(  # a browser that is signed in
    "sign_ins",
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # sha-256, hex
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("user_agent", String(300), nullable=False, server_default=""),
    Column("address", String(64), nullable=False, server_default=""),
)

sign_in_links = table(  # the printed link of a local run
    "sign_in_links",
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

api_keys = table(  # what a program carries to use the API
    "api_keys",
    Column("id", Id, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),  # sha-256, hex
    Column("scopes", JSON, nullable=False),  # some of ["send", "read", "admin"]
    Column("senders", JSON, nullable=False),  # addresses and domains it may send from; []: all
    Column("rate", String(20), nullable=False),  # requests, like 100/second
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("program_id", Id),  # the first of the keys that share their mailings; NULL: it is that itself
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    **NEVER_REUSED,  # idempotency keys and logs go on naming an id, so it must never come again
)
