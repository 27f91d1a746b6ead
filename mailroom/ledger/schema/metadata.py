"""Metadata: how every table of the ledger is made, and what a state is in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Enum, MetaData, Table
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def word_of(states: type[StrEnum]) -> Enum:
    """A state: the plain word in the database, a member of the enumeration in Python."""
    return Enum(states, native_enum=False, length=10, values_callable=lambda known: [s.value for s in known])


def table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    return Table(name, metadata, *parts, **options)
