"""Alembic's entry: runs migrations on the URL that mailroom.ledger.migrate hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from mailroom.database.engine import Database
from mailroom.database.fitness import Unfit, unfitness
from mailroom.ledger.schema import metadata

UPGRADE_LOCK = 7_245_001
"""PostgreSQL's advisory lock: two releases starting at once must not both migrate."""


def run() -> None:
    attributes = context.config.attributes
    database = Database(attributes["database_url"], creates=True)
    with database.begin() as connection:
        if why := unfitness(connection):
            raise Unfit(why)
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            if stamp := attributes.get("stamp"):
                context.get_context().stamp(context.script, stamp)
            context.run_migrations()
            if afterwards := attributes.get("afterwards"):
                afterwards(connection)
    database.dispose()


run()
