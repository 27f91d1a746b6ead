"""Tables of templates and their versions."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, UniqueConstraint

from mailroom.database.clock import UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id
from mailroom.ledger.schema.metadata import table

templates = table(  # letters that are kept, to be sent with other values again and again
    "templates",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("program_id", Id, nullable=False, server_default="0"),  # whose it is: see api_keys; 0: people's
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("name", String(200), nullable=False),
    Column("alias", String(100)),  # another name in the API, its owner's only one
    Column("letter", JSON, nullable=False),  # the draft: content/templates/template_letter.py
    Column("is_changed", Boolean, nullable=False),  # since it was published
    Column("published", Integer),  # the number of the version that is in use
    Column("published_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("program_id", "alias"),
    **NEVER_REUSED,
)

template_versions = table(  # what each publishing published
    "template_versions",
    Column("template_id", Id, ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("uid", String(36), nullable=False),  # UUID: its name in the API
    Column("letter", JSON, nullable=False),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who published it; NULL: a program
    Column("published_at", UtcTime, nullable=False),
)
