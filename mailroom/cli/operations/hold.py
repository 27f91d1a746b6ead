"""flask hold, flask release: stop all sending, and let it go on."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from mailroom.ledger import holding
from mailroom.web import mailroom
from mailroom.web.ledger_command import LedgerCommand


@click.command(cls=LedgerCommand)
@click.option("--reason", default="somebody holds it", show_default=True, help="What pages say.")
@with_appcontext
def hold(reason: str) -> None:
    """Accept and show mail, and send none, until: flask release."""
    with mailroom().database.begin() as connection:
        is_new = holding.hold(connection, reason.rstrip("."))
    click.echo(
        "Sending is held. What a worker has in hand just now still leaves."
        if is_new
        else "It is held already."
    )


@click.command(cls=LedgerCommand)
@with_appcontext
def release() -> None:
    """Let sending go on that was held."""
    with mailroom().database.begin() as connection:
        released = holding.release(connection)
    click.echo("Sending goes on within seconds." if released else "The ledger holds nothing.")
    if mailroom().settings.hold:
        click.echo(f"{holding.BY_SETTING}.")
