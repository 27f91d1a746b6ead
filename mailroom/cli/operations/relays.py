"""flask relays: the mail servers that deliver for us, and what workers learned of them."""

from __future__ import annotations

import click

from mailroom.ledger.relays import recovery
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.ledger_command import LedgerGroup
from mailroom.web.status.servers import standings

relays = LedgerGroup("relays", help="The mail servers that deliver for us.")


@relays.command("list")
def show() -> None:
    """How each of them stands, and at what rate it gets mail."""
    for standing in standings(mailroom()) or []:
        trouble = f"in trouble since {standing['since']}" if standing["in_trouble"] else "works"
        click.echo(f"{standing['server']}  {trouble}, rate: {standing['rate']}")


@relays.command("reset")
@click.argument("server", required=False)
def reset(server: str | None) -> None:
    """Try SERVER (host:port; without one: all) at once, and at the rate that is set."""
    for name in sorted(configured(mailroom().settings)) if server is None else [server]:
        with mailroom().database.begin() as connection:
            is_news = recovery.reset(connection, name)
        click.echo(f"{name}: {'is tried now' if is_news else 'was in no trouble, and not slowed down'}")
