"""The migrations make the tables that the code names, and can be taken back."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select

from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.migrate import alembic_config, known_revisions, upgrade
from mailroom.ledger.schema import mailings, metadata
from tests.feedback.comes import Comes
from tests.ledger.book import Book

# Alembic reads no expression of SQLite's: test_an_address_is_found_in_any_block.py compares that index.
NOT_READ = pytest.mark.filterwarnings("ignore:.*expression-based index")


@NOT_READ
def test_the_migrated_ledger_has_exactly_the_tables_of_the_schema(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@NOT_READ
def test_upgrading_twice_changes_nothing(database: Database) -> None:
    upgrade(database.url)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_all_the_way_back_leaves_nothing(database: Database) -> None:
    command.downgrade(alembic_config(database.url), "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


def test_there_is_one_line_of_migrations(sqlite_url: str) -> None:
    migrations = ScriptDirectory.from_config(alembic_config(sqlite_url))
    assert len(migrations.get_heads()) == 1
    assert known_revisions() == [one.revision for one in migrations.walk_revisions()]


def test_a_suppression_from_before_there_were_scopes_holds_for_all_mail_and_does_so_again(
    database: Database,
) -> None:
    """An older Mailroom knows nothing between some mail and none: who wanted less gets none."""
    command.downgrade(alembic_config(database.url), "0016")
    with database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO suppressions (address_key, reason, note, created_at)"
            " VALUES ('a@b.example', 'bounced', '', 1)"
        )
    upgrade(database.url)
    with database.begin() as connection:
        assert [one.scope.word for one in suppressions.page(connection)] == ["all"]
        for address, scope in (("a@b.example", "x@y.example"), ("c@b.example", "x@y.example")):
            suppressions.add(connection, [address], "unsubscribed", scope=Scope(scope, "digest"))
            suppressions.add(connection, [address], "unsubscribed", scope=Scope(scope))
    command.downgrade(alembic_config(database.url), "0016")
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT address_key, reason FROM suppressions ORDER BY 1").all()
    assert [tuple(row) for row in found] == [("a@b.example", "bounced"), ("c@b.example", "unsubscribed")]


def test_an_older_mailroom_knows_what_came_back_as_sent(database: Database) -> None:
    """And its counters agree."""
    comes = Comes(database)
    first, _ = comes.sent(2)
    comes.take(comes.report(first))
    command.downgrade(alembic_config(database.url), "0017")
    with database.read() as connection:
        states = connection.exec_driver_sql("SELECT DISTINCT state FROM deliveries").scalars().all()
        assert states == ["sent"] and connection.exec_driver_sql("SELECT sent FROM mailings").scalar() == 2
    upgrade(database.url)
    comes.book.check()


def test_what_an_idempotency_key_names_keeps_its_program(database: Database) -> None:
    """Of mailings from before there were programs: the others belong to nobody."""
    command.downgrade(alembic_config(database.url), "0007")
    with database.begin() as connection:
        for number in (1, 2, 3):
            connection.exec_driver_sql(
                "INSERT INTO mailings"
                " (id, uid, kind, state, queue, sender_address, subject, created_at, expires_at)"
                f" VALUES ({number}, 'u{number}', 'shared', 'done', 'urgent', 'a@b.example', 's', 1, 2)"
            )
        for scope, mailing_id in (("key:7", 1), ("form:7", 2)):
            connection.exec_driver_sql(
                "INSERT INTO idempotency_keys (scope, key, fingerprint, mailing_id, created_at)"
                f" VALUES ('{scope}', 'again', 'f', {mailing_id}, 1)"
            )
    upgrade(database.url)
    with database.read() as connection:
        owners = connection.execute(
            select(mailings.c.id, mailings.c.program_id).order_by(mailings.c.id)
        ).all()
    assert [tuple(row) for row in owners] == [(1, 7), (2, None), (3, None)]


def test_for_an_older_mailroom_a_mailing_in_which_somebody_is_held_back_is_paused(database: Database) -> None:
    book = Book(database)
    clicked, timed, let_go = (book.accept(3, canary=1, canary_wait=wait) for wait in (None, 900, 0))
    command.downgrade(alembic_config(database.url), "0022")
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, state FROM mailings").all()
        states = {row.id: row.state for row in rows}
    assert states == {clicked: "paused", timed: "paused", let_go: "active"}


def test_mail_that_left_before_message_ids_were_sealed_keeps_its_own(database: Database) -> None:
    comes = Comes(database)
    first, _ = comes.sent(2)
    sealed = comes.message_id(first)
    command.downgrade(alembic_config(database.url), "0030")
    upgrade(database.url)
    as_it_left = comes.message_id(first)
    uid, number = as_it_left.strip("<>").partition("@")[0].split(".")
    assert number == str(first) and sealed.startswith(f"<{uid}.{number}.")
    said = {"token": "", "message_id": as_it_left, "address": comes.book.delivery(first).address}
    comes.take(comes.report(first, **said))
    assert comes.state(first) == "bounced"
