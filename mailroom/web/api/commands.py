"""flask keys: what programs carry to use the API."""

from __future__ import annotations

from typing import Any

import click

from mailroom.ledger.people import api_keys
from mailroom.web import mailroom
from mailroom.web.api.key_form import KeyForm
from mailroom.web.layout.filters import utc
from mailroom.web.ledger_command import LedgerGroup, not_blank

keys = LedgerGroup("keys", help="Keys for the JSON API.")


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_keys.SCOPES),
    default=api_keys.SCOPES,
    help="What it may do; may be given several times. Default: everything.",
)
@click.option(
    "--sender",
    "senders",
    multiple=True,
    callback=not_blank,
    help="An address or a domain that it may send from; may be given several times. Default: all.",
)
@click.option("--expires-in", default="", callback=not_blank, metavar="DAYS", help="Default: never.")
@click.option(
    "--rate",
    default="",
    callback=not_blank,
    help=f"Requests and SMTP messages it may make, like 100/second. Default: {api_keys.RATE}.",
)
@click.option(
    "--shares-with",
    default="",
    callback=not_blank,
    metavar="KEY",
    help="A key's number (see: flask keys list): the new one reaches what that one sent, and the other way.",
)
def add(
    name: str, scopes: tuple[str, ...], senders: tuple[str, ...], expires_in: str, rate: str, shares_with: str
) -> None:
    """Make a key called NAME. It is printed this once, alone on the last line."""
    form = KeyForm(name, scopes, " ".join(senders), expires_in, rate, shares_with)
    values: dict[str, Any] = form.values()
    if form.problems:
        raise click.ClickException(" ".join(sentence for _, sentence in form.problems))
    try:
        with mailroom().database.begin() as connection:
            key, _ = api_keys.add(connection, **values)
    except api_keys.NoSuchKey:
        raise click.ClickException(f"there is no key {shares_with}; see: flask keys list") from None
    click.echo(
        f"“{values['name']}” may {', '.join(values['scopes'])}. Keep the key now: it is not shown again."
    )
    click.echo(key)


@keys.command("list")
def show() -> None:
    """Show the keys, newest first; never the secrets."""
    with mailroom().database.read() as connection:
        for key in api_keys.everyone(connection):
            used = f"last used {utc(key.last_used_at)}" if key.last_used_at else "never used"
            maker = f"made by {key.made_by}" if key.made_by else "made by a command, or somebody removed"
            shared = f"  shares with {key.program}" if key.program != key.id else ""
            scopes = ",".join(key.scopes)
            click.echo(f"{key.id}  {key.name}  {scopes}  {key.state}  {used}  {maker}{shared}")


@keys.command()
@click.argument("key_id", type=int)
def revoke(key_id: int) -> None:
    """Let the key with this number (see: flask keys list) open nothing any more, from now on."""
    with mailroom().database.begin() as connection:
        revoked = api_keys.revoke(connection, key_id)
    if not revoked:
        raise click.ClickException(f"there is no active key {key_id}; see: flask keys list")
    click.echo(f"Key {key_id} is revoked.")
