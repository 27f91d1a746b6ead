"""flask db: the ledger's tables."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from mailroom.ledger import migrate
from mailroom.web import mailroom

db = AppGroup("db", help="The ledger.")


@db.command()
def upgrade() -> None:
    """Bring the ledger to its newest form."""
    migrate.upgrade(mailroom().settings.database_url)
    click.echo("The ledger is up to date.")
