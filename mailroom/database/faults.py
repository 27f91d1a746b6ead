"""Faults of the database: what it, and not we, must be blamed for when a statement fails.

All of them are OperationalError here, whatever the driver calls them, so that whoever waits for a ledger
that is away waits for one that may only be read as well.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

LEDGER_AWAY = (OperationalError, InterfaceError, TimeoutError)
"""What is raised when the ledger is away, locked, full, or lets us do nothing: nothing was written then."""

ITS_OWN = {
    # A standby, or default_transaction_read_only; a transaction that stood still; a right that was taken.
    "InternalError": "OperationalError",
    "InsufficientPrivilege": "OperationalError",
    # Of sqlite3 a damaged file, and nothing else; psycopg has a kind of its own for whatever happens.
    "DatabaseError": "OperationalError",
}
"""SQLAlchemy's names for the driver's errors."""

READ_ONLY, NO_RIGHT = "25006", "42501"
"""PostgreSQL's codes for them."""

SENTENCES = {
    READ_ONLY: "the ledger's database may only be read (it is a standby, or default_transaction_read_only is "
    "on): name its primary in DATABASE_URL, or let it be written",
    NO_RIGHT: "the database's user may not do that: as the owner of the database, GRANT ALL ON SCHEMA public "
    "TO the user of DATABASE_URL, and let it own the tables there",
}
POOLED_TOO_FINELY = (
    "DATABASE_URL leads through a pooler that allows no transaction: "
    "set its pool_mode to transaction or session"
)
READ_ONLY_FILE = (
    "the ledger's file may only be read: give the file and its folder to the user that runs Mailroom"
)
DAMAGED_FILE = (
    "the ledger's file is damaged: stop all of Mailroom, and make it anew from a backup (flask restore FILE "
    "--replace, which keeps the damaged one)"
)
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite, asked by its driver or by SQLAlchemy, cannot read its file as a database."""
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)
    return code & 0xFF in DAMAGED


def what_to_do(error: BaseException) -> str | None:
    """A sentence without its full stop, for what does not pass by itself; no words of the database."""
    driver_s: Any = getattr(error, "orig", None)
    if is_damaged(error):
        return DAMAGED_FILE
    if isinstance(driver_s, sqlite3.Error):
        is_read_only = getattr(driver_s, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
        return READ_ONLY_FILE if is_read_only else None
    if "statement pooling" in str(driver_s):  # PgBouncer's words; its code means many things
        return POOLED_TOO_FINELY
    return SENTENCES.get(getattr(driver_s, "sqlstate", None) or "")
