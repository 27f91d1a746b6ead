"""Backup: a whole database in one file, taken while others write, checked, and put back.

failed            BackupFailed
store             Store: what can be done, on either database
sqlite_file       SQLite, by its backup API
postgresql_dump   PostgreSQL, by its own programs
"""

from __future__ import annotations

from collections.abc import Collection

from mailroom.database.backup.failed import BackupFailed
from mailroom.database.backup.postgresql_dump import PostgresqlDump
from mailroom.database.backup.sqlite_file import SqliteFile
from mailroom.database.backup.store import Store
from mailroom.database.engine import product_of

__all__ = ["BackupFailed", "Store", "store_of"]


def store_of(database_url: str, tables: Collection[str]) -> Store:
    """`tables`: ours, in a database where there may be others."""
    if product_of(database_url) == "SQLite":
        return SqliteFile(database_url)
    return PostgresqlDump(database_url, tables)
