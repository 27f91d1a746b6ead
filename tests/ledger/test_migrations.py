"""The migrations make the tables that the code names, and can be taken back."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from mailroom.database import Database
from mailroom.ledger.migrate import alembic_config, upgrade
from mailroom.ledger.schema import metadata


def test_the_migrated_ledger_has_exactly_the_tables_of_the_schema(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    upgrade(database.url)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_all_the_way_back_leaves_nothing(database: Database) -> None:
    command.downgrade(alembic_config(database.url), "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


def test_there_is_one_line_of_migrations(sqlite_url: str) -> None:
    assert len(ScriptDirectory.from_config(alembic_config(sqlite_url)).get_heads()) == 1
