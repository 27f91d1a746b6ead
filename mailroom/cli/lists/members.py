"""Members of a list: shown, put on it, taken off, with their consent."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from mailroom.cli.lists.group import list_named, lists, told, with_consent
from mailroom.cli.printed import print_json, print_line
from mailroom.content.addresses import parse_address
from mailroom.content.lists.newcomers import Newcomer
from mailroom.content.lists.stated_consent import stated
from mailroom.content.merge.names import identifier
from mailroom.engine.lists import importing, removing
from mailroom.ledger.lists import consent, members
from mailroom.ledger.lists.consent import ConsentFact
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.members import Member
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.list_export import as_imported

MEMBERS_PRINTED = 1_000


@lists.command()
@click.argument("named")
@click.argument("words", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(named: str, words: str, as_json: bool) -> None:
    """Show who is on a list, WORDS in address, name or a value only."""
    with mailroom().database.read() as connection:
        found = list_named(connection, named)
        if words:
            some, go_on = _searched(connection, found.id, words)
        else:
            some = members.page(connection, found.id, limit=MEMBERS_PRINTED)
            go_on = len(some) < found.total
    for one in some:
        if as_json:
            print_json(as_imported(one))
        else:
            print_line(_line(one))
    if go_on:
        click.echo("There are more: see flask lists export.", err=True)


@lists.command()
@click.argument("named")
@click.argument("address")
def history(named: str, address: str) -> None:
    """Show what is known of a member's consent, the latest first."""
    with mailroom().database.read() as connection:
        one = _member(connection, list_named(connection, named), address)
        facts = [one.consent, *consent.history(connection, one.id)]
    for fact in facts:
        if fact is not None:
            print_line(_words_of(fact))


@lists.command()
@click.argument("named")
@click.argument("address")
@click.option("--value", "pairs", multiple=True, help="COLUMN=VALUE; may be given several times.")
@with_consent
def put(
    named: str,
    address: str,
    pairs: tuple[str, ...],
    consent_how: str,
    consent_at: str,
    consent_evidence: str,
) -> None:
    """Put ADDRESS (perhaps with a name: "Ann <ann@...>") on a list, or change it there."""
    with told(), mailroom().database.begin() as connection:
        found, parsed = list_named(connection, named), parse_address(address)
        values = dict(pair.partition("=")[::2] for pair in pairs)
        said = stated("", consent_at, consent_how, consent_evidence)
        newcomer = Newcomer(
            parsed.address, parsed.name, {identifier(key): value for key, value in values.items()}, said
        )
        changes = importing.put(connection, found, newcomer)
    click.echo("Added." if changes.added else "Changed." if changes.changed else "It was so already.")


@lists.command("take-off")
@click.argument("named")
@click.argument("addresses", nargs=-1, required=True)
def take_off(named: str, addresses: tuple[str, ...]) -> None:
    """Take ADDRESSES off a list, with what is known of their consent."""
    with told():
        keys = [parse_address(address).key for address in addresses]
        with mailroom().database.begin_at_once() as connection:
            number = removing.take_off(connection, list_named(connection, named), keys)
    click.echo(f"{count(number, 'recipient')} taken off.")


def _searched(connection: Connection, list_id: int, words: str) -> tuple[list[Member], bool]:
    """Those that are printed, however far it has to be looked for them; and whether there may be more."""
    found, go_on = members.search(connection, list_id, words, limit=MEMBERS_PRINTED)
    while go_on is not None and (room := MEMBERS_PRINTED - len(found)):
        some, go_on = members.search(connection, list_id, words, go_on, room)
        found += some
    return found, go_on is not None


def _member(connection: Connection, found: KeptList, address: str) -> Member:
    with told():
        one = members.find(connection, found.id, parse_address(address).key)
    if one is None:
        raise click.ClickException(f"{address} is not on the list.")
    return one


def _line(one: Member) -> str:
    values = ", ".join(f"{key}={value}" for key, value in one.variables.items())
    consented = _words_of(one.consent) if one.consent else "-"
    return f"{one.address}  {one.name or '-'}  {consented}  {values}".rstrip()


def _words_of(fact: ConsentFact) -> str:
    word = "given" if fact.given else "withdrawn"
    return " ".join(filter(None, (word, f"{fact.at:%Y-%m-%d}", fact.how, fact.evidence)))
