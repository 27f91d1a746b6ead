"""flask db: the ledger's tables."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from mailroom.database.fitness import Unfit
from mailroom.ledger import migrate
from mailroom.settings import leave
from mailroom.web import mailroom

db = AppGroup("db", help="The ledger.")


@db.command()
def upgrade() -> None:
    """Bring the ledger to its newest form."""
    try:
        migrate.upgrade(mailroom().settings.database_url)
    except Unfit as unfit:
        leave(str(unfit))
    click.echo("The ledger is up to date.")
