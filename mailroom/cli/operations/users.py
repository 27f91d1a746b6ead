"""flask users: who may sign in."""

from __future__ import annotations

import sys

import click

from mailroom.content.addresses import AddressError, parse_address
from mailroom.ledger.people import sign_ins
from mailroom.ledger.people import users as ledger_users
from mailroom.ledger.people.users import EmailTaken, User
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerGroup
from mailroom.web.sign_in import passwords

users = LedgerGroup("users", help="Who may sign in.")


@users.command()
@click.argument("email")
def add(email: str) -> None:
    """Let EMAIL sign in with a password: asked for, or a line of standard input."""
    try:
        address = parse_address(email).address
    except AddressError as error:
        raise click.ClickException(str(error)) from None
    password_hash = passwords.hashed(_new_password())
    try:
        with mailroom().database.begin() as connection:
            user = ledger_users.add(connection, address, password_hash)
    except EmailTaken as taken:
        hint = f"for a new password: flask users password {taken}"
        raise click.ClickException(f"{taken} is a user already; {hint}") from None
    click.echo(f"{user.email} may sign in at {mailroom().settings.public_url}/sign-in")


@users.command()
@click.argument("email")
def password(email: str) -> None:
    """Give EMAIL a new password, sign all their browsers out, and revoke the admin keys that they made."""
    user = _user(email)
    password_hash = passwords.hashed(_new_password())
    with mailroom().database.begin() as connection:
        revoked = ledger_users.set_password(connection, user.id, password_hash)
        ended = sign_ins.end_all(connection, user.id)
    click.echo(f"{user.email} has a new password; {count(ended, 'browser')} signed out.")
    _tell_of_keys(revoked)


@users.command()
@click.argument("email")
def remove(email: str) -> None:
    """Let EMAIL sign in no more, from now on, and revoke the keys that they made. Their mailings stay."""
    user = _user(email)
    with mailroom().database.begin() as connection:
        revoked = ledger_users.remove(connection, user.id)
    click.echo(f"{user.email} is removed.")
    _tell_of_keys(revoked)


@users.command("list")
def show() -> None:
    """Show who may sign in."""
    with mailroom().database.read() as connection:
        for user in ledger_users.everybody(connection):
            click.echo(user.email)


def _tell_of_keys(names: list[str]) -> None:
    if names:
        listed = ", ".join(f"“{name}”" for name in names)
        click.echo(f"Revoked, because they made them: {listed}. Successors: flask keys add --shares-with.")


def _user(email: str) -> User:
    with mailroom().database.read() as connection:
        user = ledger_users.by_email(connection, email)
    if user is None:
        raise click.ClickException(f"{email} is not a user; see: flask users list")
    return user


def _new_password() -> str:
    if sys.stdin.isatty():
        typed = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    if problem := passwords.problem(typed):
        raise click.ClickException(problem)
    return typed
