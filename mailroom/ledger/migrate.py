"""Migrations: brings a ledger to its newest form, and says in one line when it has another one.

Alembic takes eight megabytes of a process: only who migrates imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, String, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError

from mailroom.database.engine import Database, normalized_url
from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.database.fitness import Unfit, unfitness
from mailroom.settings import leave
from mailroom.supervision import cause

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
UPGRADE = "run `flask db upgrade`"
CURRENT = table("alembic_version", column("version_num", String))
"""Alembic's own: where a ledger is."""

MISSING = f"there is no ledger where DATABASE_URL says: {UPGRADE} to make one there"


def alembic_config(database_url: str) -> Config:
    config = _config()
    config.attributes["database_url"] = normalized_url(database_url)
    return config


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # configparser's own
    return config


def upgrade(
    database_url: str,
    revision: str = "head",
    *,
    stamp: str | None = None,
    afterwards: Callable[[Connection], None] | None = None,
) -> None:
    """Creates what is missing; harmless when nothing is. SQLite's folder must exist.

    Raises Unfit. `stamp`: the migration that tables without one are at. `afterwards`: more of the same
    transaction.
    """
    from alembic import command

    config = alembic_config(database_url)
    config.attributes |= {"stamp": stamp, "afterwards": afterwards}
    try:
        command.upgrade(config, revision)
    except LEDGER_AWAY as error:
        raise Unfit(what_to_do(error) or f"the ledger cannot be used: {cause(error)}") from error


@cache
def known_revisions() -> list[str]:
    """All that this Mailroom knows, the newest first."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return sorted((file.name.partition("_")[0] for file in files), reverse=True)


def revision_of(connection: Connection) -> str | None:
    """The migration that the ledger is at; None: it was never migrated."""
    if not inspect(connection).has_table(CURRENT.name):
        return None
    return ",".join(sorted(connection.execute(select(CURRENT.c.version_num)).scalars())) or None


def misfit(revision: str | None) -> str | None:
    """Why a ledger at this migration does not fit this Mailroom, in one line; None when it does."""
    known = known_revisions()
    if revision is None:
        return f"the ledger was never migrated: {UPGRADE}"
    if revision not in known:
        return (
            f"the ledger is ahead of this Mailroom (at {revision}, and {known[0]} is the newest known here): "
            "start the newer Mailroom whose `flask db upgrade` brought it there"
        )
    behind = known.index(revision)
    if behind:
        return f"the ledger is {behind} migration{'s' if behind > 1 else ''} behind this Mailroom: {UPGRADE}"
    return None


def misfit_of(database: Database) -> str | None:
    """The same of this ledger. Raises SQLAlchemyError when it cannot be asked."""
    if database.missing:
        return MISSING
    with database.read() as connection:
        return unfitness(connection) or misfit(revision_of(connection))


def leave_if_misfit(database_url: str) -> None:
    """For programs: a ledger that does not fit is one line on stderr and exit code 2.

    One that is away is no reason not to start: what needs it waits for it.
    """
    database = Database(database_url)
    try:
        with suppress(SQLAlchemyError):
            if why := misfit_of(database):
                leave(f"{why} ({database.missing})" if database.missing else why)
    finally:
        database.dispose()
