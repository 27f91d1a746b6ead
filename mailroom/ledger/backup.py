"""Backup and restore of the ledger. What was restored is held: it may have been mailed since it was saved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from mailroom import files
from mailroom.database.backup import BackupFailed, store_of
from mailroom.database.engine import Database
from mailroom.database.faults import is_damaged
from mailroom.database.fitness import Unfit
from mailroom.database.sql.ddl import is_never_reused
from mailroom.database.sql.sequences import skip_ids
from mailroom.files import flush
from mailroom.ledger import holding, identity, migrate
from mailroom.ledger.schema import deliveries, mailings, metadata
from mailroom.supervision import cause

__all__ = ["BackupFailed", "Restored", "Saved", "restore", "save"]

SKIPPED, SKIPPED_DELIVERIES = 1_000_000, 10_000_000
"""More ids than are given between a backup and its restore."""


@dataclass(frozen=True, slots=True)
class Saved:
    revision: str
    size: int


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept`: where that is which was there before."""

    revision: str
    kept: Path | None


def save(database_url: str, target: Path) -> Saved:
    """Writes and checks a backup, for our user alone. Raises BackupFailed; there is no file then."""
    if target.exists():
        raise BackupFailed(f"{target} is there already: choose another name, or remove it")
    if not target.parent.is_dir():
        raise BackupFailed(f"there is no folder {target.parent}")
    store, fresh = store_of(database_url, metadata.tables), target.with_name(f".{target.name}.{os.getpid()}")
    try:
        files.create(fresh)
        store.save(fresh)
        revision = _fitting(store.check(fresh), "the ledger")
        flush(fresh)
        fresh.rename(target)
        return Saved(revision, target.stat().st_size)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)


def restore(database_url: str, source: Path, kept: Path, *, replace: bool = False) -> Restored:
    """Makes the ledger anew from a backup, brings it to its newest migration, and holds all sending.

    What is there goes into the file `kept`. Raises BackupFailed: for a backup that is none, is damaged or
    ahead of this Mailroom; for a ledger that somebody uses or, without `replace`, that has mailings.
    """
    if not source.is_file():
        raise BackupFailed(f"there is no file {source}")
    store = store_of(database_url, metadata.tables)
    try:
        revision = _fitting(store.check(source), str(source))
        if users := store.users():
            shown = f"{users} connection{'s' if users > 1 else ''}"
            raise BackupFailed(f"the ledger is in use ({shown}): stop web, workers and submission first")
        if not replace and (why := _worth_keeping(database_url)):
            raise BackupFailed(f"the ledger that is there {why}: to replace it, add --replace")
        return Restored(revision, store.replace(source, revision, kept, _make_fit))
    except OSError as error:
        raise BackupFailed(f"a file cannot be read or written: {error.strerror}") from None
    except Unfit as unfit:
        raise BackupFailed(str(unfit)) from None
    except SQLAlchemyError as error:
        raise BackupFailed(f"the ledger cannot be used: {cause(error)}") from None


def _make_fit(database_url: str, stamp: str | None) -> None:
    migrate.upgrade(database_url, stamp=stamp, afterwards=_begin_anew)


def _begin_anew(connection: Connection) -> None:
    identity.renew(connection)
    _never_give_again(connection)
    holding.release(connection)
    holding.hold(connection, holding.AFTER_RESTORE)


def _never_give_again(connection: Connection) -> None:
    """Ids that were given after the backup stand in links, return paths, logs and jobs: whose they were is
    forgotten, and they must not be somebody else's now.
    """
    for table in metadata.sorted_tables:
        if is_never_reused(table):
            skip_ids(connection, table.name, SKIPPED_DELIVERIES if table is deliveries else SKIPPED)


def _fitting(revision: str | None, what: str) -> str:
    if revision is None:
        raise BackupFailed(f"{what} was never migrated: there is nothing in it")
    if revision not in migrate.known_revisions():
        raise BackupFailed(f"{what} is of a newer Mailroom (at {revision}): use that one for this")
    return revision


def _worth_keeping(database_url: str) -> str | None:
    """Why nobody should replace a ledger by a slip of the hand."""
    database = Database(database_url)
    try:
        if database.missing or not inspect(database.engine).has_table(mailings.name):
            return None
        with database.read() as connection:
            found = connection.execute(select(mailings.c.id).limit(1)).one_or_none()
        return None if found is None else "has mailings"
    except SQLAlchemyError as error:
        if is_damaged(error):
            return f"is damaged ({cause(error)})"
        raise
    finally:
        database.dispose()
