"""Tables of lists: who is on one, and what they consented to."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint

from mailroom.database.clock import Millis, UtcTime
from mailroom.database.sql.ddl import NEVER_REUSED, Id
from mailroom.ledger.schema.metadata import table

lists = table(  # recipients that are kept
    "lists",
    Column("id", Id, primary_key=True),
    Column("uid", String(36), nullable=False, unique=True),  # UUID: its name in the API
    Column("program_id", Id, nullable=False, server_default="0"),  # whose it is: see api_keys; 0: people's
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),  # who made it
    Column("name", String(60), nullable=False),
    Column("list_name", String(60), nullable=False),  # as mailings have it: what people unsubscribe from
    Column("is_shared", Boolean, nullable=False),  # whether other programs may read it, and send to it
    Column("columns", JSON, nullable=False),  # names of its members' variables, in their order
    Column("total", Integer, nullable=False, server_default="0"),  # members
    Column("import_owner", String(36)),  # the import that is under way,
    Column("importing_until", Millis),  # and its lease; one that ran out: it broke off. NULL: none is
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("program_id", "list_name"),
    **NEVER_REUSED,
)

list_members = table(  # one recipient of a list, with the consent that holds
    "list_members",
    Column("id", Id, primary_key=True),
    Column("list_id", Id, ForeignKey("lists.id", ondelete="CASCADE"), nullable=False),
    Column("address", String(320), nullable=False),
    Column("address_key", String(320), nullable=False),  # lower case
    Column("name", Text, nullable=False, server_default=""),
    Column("variables", JSON, nullable=False),  # {"first_name": "Ann", ...}, without those that are empty
    Column("words", Text, nullable=False, server_default=""),  # name and variables, lower case: for search
    Column("consent_given", Boolean),  # false: withdrawn. NULL: nobody said anything
    Column("consent_at", Millis),
    Column("consent_how", Text, nullable=False, server_default=""),
    Column("consent_evidence", Text, nullable=False, server_default=""),
    Column("consent_noted_at", Millis),
    Column("created_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    # In this order: an address is looked up in all lists when somebody unsubscribes.
    UniqueConstraint("address_key", "list_id"),
    Index("ix_list_members_list_id_id", "list_id", "id"),
    **NEVER_REUSED,
)

consent_facts = table(  # what held before: never changed, and gone only with its member
    "consent_facts",
    Column("id", Id, primary_key=True),
    Column("member_id", Id, ForeignKey("list_members.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("given", Boolean, nullable=False),
    Column("at", Millis, nullable=False),
    Column("how", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("noted_at", Millis, nullable=False),
)
