"""Fitness: whether a database can hold a ledger, before it is asked to."""

from __future__ import annotations

from sqlalchemy import Connection, text

EVERY_LANGUAGE = "UTF8"


class Unfit(Exception):
    """No ledger can be there; `str()` is one sentence without its full stop: why, and what to do."""


def unfitness(connection: Connection) -> str | None:
    """Why no ledger can be there, in one sentence without its full stop; None: it can.

    PostgreSQL keeps in other encodings only what these know, or, in SQL_ASCII, anything as anybody reads it.
    """
    if connection.dialect.name != "postgresql":
        return None
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding == EVERY_LANGUAGE:
        return None
    return (
        f"the ledger's database is encoded in {encoding}, which cannot hold every mail: make another one "
        f"(CREATE DATABASE mailroom ENCODING '{EVERY_LANGUAGE}' TEMPLATE template0), name it in DATABASE_URL "
        "and run `flask db upgrade`"
    )
