"""flask lists: recipients that are kept, with their columns and their consent."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

import click
from sqlalchemy import Connection

from mailroom.cli.printed import in_a_line
from mailroom.cli.recipient_file import FileUnsure, seekable, sure_encoding
from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.lists.conditions import Comparison, Condition, unknown_columns
from mailroom.content.lists.list_title import NameUnfit, title_of
from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.content.lists.newcomers import Newcomer, Newcomers, TooManyColumns, newcomers
from mailroom.content.lists.stated_consent import ConsentUnreadable, stated
from mailroom.content.merge.names import identifier
from mailroom.content.recipients.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Wishes
from mailroom.content.unsubscribe import list_name_of
from mailroom.engine.lists import importing, making, removing
from mailroom.engine.lists.importing import ImportWish, ListChanges
from mailroom.engine.lists.making import NewListName
from mailroom.engine.lists.reading import why_not
from mailroom.ledger.deliveries.outcomes import OUTCOMES
from mailroom.ledger.lists import consent, kept, members
from mailroom.ledger.lists.consent import ConsentFact
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.ledger.lists.members import Member
from mailroom.ledger.mailings import contents, mailings
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerGroup
from mailroom.web.list_export import lines_of_list

LISTED_AT_ONCE = 100
PROBLEMS_SHOWN = 10
MEMBERS_PRINTED = 1_000

lists = LedgerGroup("lists", help="Recipients that are kept: NAMED by the list's name or id.")

of_consent = [
    click.option("--consent-how", default="", help="How they consented: form, spoken, import."),
    click.option("--consent-at", default="", help="When, like 2026-12-31; left out: now."),
    click.option("--consent-evidence", default="", help="What proves it: words, a URL, the name of a file."),
]


def with_consent(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(of_consent):
        command = option(command)
    return command


@lists.command("list")
def show_all() -> None:
    """List all lists, newest first."""
    last = None
    while True:
        with mailroom().database.read() as connection:
            some = kept.page(connection, limit=LISTED_AT_ONCE, after_id=last)
        for one in some:
            click.echo(f"{one.uid}  {one.total:>9,}  {one.name}")
        if len(some) < LISTED_AT_ONCE:
            return
        last = some[-1].id


@lists.command()
@click.argument("named")
@click.argument("words", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(named: str, words: str, as_json: bool) -> None:
    """Show who is on a list, WORDS in address, name or a value only."""
    with mailroom().database.read() as connection:
        found = _list(connection, named)
        if words:
            searched = members.search(connection, found.id, words, limit=MEMBERS_PRINTED)
            some, go_on = searched.found, searched.go_on is not None
        else:
            some = members.page(connection, found.id, limit=MEMBERS_PRINTED)
            go_on = len(some) < found.total
    for one in some:
        click.echo(json.dumps(_as_json(one), ensure_ascii=False) if as_json else _line(one))
    if go_on:
        click.echo("There are more: see flask lists export.", err=True)


@lists.command()
@click.argument("named")
@click.argument("address")
def history(named: str, address: str) -> None:
    """Show what is known of a member's consent, the latest first."""
    with mailroom().database.read() as connection:
        one = _member(connection, _list(connection, named), address)
        facts = [one.consent, *consent.history(connection, one.id)]
    for fact in facts:
        if fact is not None:
            click.echo(_words_of(fact))


@lists.command()
@click.argument("name")
@click.option("--shared", is_flag=True, help="Programs with an API key may send to it, and read it.")
def add(name: str, shared: bool) -> None:
    """Keep a new list called NAME; prints its id."""
    with _told(), mailroom().database.begin() as connection:
        new = _new(name)
        click.echo(kept.add(connection, new.name, new.list_name, is_shared=shared).uid)


@lists.command()
@click.argument("named")
@click.option("--name", help="A new name.")
@click.option("--shared/--not-shared", default=None, help="Whether programs may send to it, and read it.")
def change(named: str, name: str | None, shared: bool | None) -> None:
    """Rename a list, or share it."""
    with _told(), mailroom().database.begin() as connection:
        found, values = _list(connection, named), dict[str, object]()
        if name is not None:
            new = _new(name)
            values |= {"name": new.name, "list_name": new.list_name}
        if shared is not None:
            values["is_shared"] = shared
        kept.change(connection, found.id, **values)
    click.echo("Changed.")


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
    with _told(), mailroom().database.begin() as connection:
        found, parsed = _list(connection, named), parse_address(address)
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
    with _told():
        keys = [parse_address(address).key for address in addresses]
        with mailroom().database.read() as connection:
            found = _list(connection, named)
        number = removing.take_off(mailroom().database, found, keys)
    click.echo(f"{count(number, 'recipient')} taken off.")


@lists.command("import")
@click.argument("named")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", "replaces", is_flag=True, help="The list becomes exactly the file.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--leave-out", is_flag=True, help="Import the others when some entries cannot be mailed.")
@click.option("--sheet", default="", help="Of a workbook; by default the first that holds addresses.")
@click.option("--column", default="", help="The column of addresses: its heading, or its number from 1.")
@click.option("--encoding", help="How a text file is written; needed where it is no Unicode.")
@with_consent
def import_file(
    named: str,
    file: BinaryIO,
    replaces: bool,
    dry_run: bool,
    leave_out: bool,
    sheet: str,
    column: str,
    encoding: str | None,
    consent_how: str,
    consent_at: str,
    consent_evidence: str,
) -> None:
    """Import a FILE of recipients (XLSX, XLS, ODS, CSV, vCard; - reads standard input) into a list."""
    with _told():
        said = stated("", consent_at, consent_how, consent_evidence)
        brought = _brought(_parsed(file, Wishes(encoding, sheet, column)), leave_out=leave_out)
        wish, database = ImportWish(replaces=replaces, consent=said), mailroom().database
        with database.read() as connection:
            found = _list(connection, named)
            if dry_run:
                _report(importing.plan_import(connection, found, brought, wish), would=True)
                return
        _report(importing.import_into(database, found, brought, wish), would=False)


@lists.command()
@click.argument("named")
def export(named: str) -> None:
    """Write a list to standard output, as CSV that `import` takes, consent included."""
    with mailroom().database.read() as connection:
        found = _list(connection, named)
    for some in lines_of_list(mailroom().database, found):
        sys.stdout.write(some)


@lists.command()
@click.argument("named")
def remove(named: str) -> None:
    """Remove a list with everybody on it. What was sent to them stays."""
    with _told():
        with mailroom().database.read() as connection:
            found = _list(connection, named)
        removing.remove_list(mailroom().database, found)
    click.echo(f"{found.name} is removed.")


@lists.command("from-list")
@click.argument("named")
@click.argument("name")
@click.option(
    "--where",
    "wheres",
    multiple=True,
    metavar='"COLUMN HOW VALUE"',
    help=f"HOW is {', '.join(Comparison)}. Several: all of them must hold.",
)
def from_list(named: str, name: str, wheres: tuple[str, ...]) -> None:
    """Make a new list NAME of those on a list for whom all conditions hold."""
    conditions = [_condition(where) for where in wheres]
    with _told():
        with mailroom().database.read() as connection:
            found = _list(connection, named)
        if unknown := unknown_columns(conditions, found.columns):
            raise click.ClickException(f"The list has no column {unknown[0]}.")
        made = making.from_list(mailroom().database, found, conditions, _new(name))
    click.echo(f"{count(made.total, 'recipient')} on {made.name}.")


@lists.command("from-mailing")
@click.argument("mailing_id", type=int)
@click.argument("name")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True)
def from_mailing(mailing_id: int, name: str, outcome: str) -> None:
    """Make a new list NAME of those recipients of a mailing (its number) who have this outcome."""
    with _told():
        with mailroom().database.read() as connection:
            if mailings.get(connection, mailing_id) is None:
                raise click.ClickException(f"There is no mailing {mailing_id}.")
            content = contents.of(connection, mailing_id)
        columns = content.columns if content else ()
        made = making.from_mailing(mailroom().database, mailing_id, outcome, columns, _new(name))
    click.echo(f"{count(made.total, 'recipient')} on {made.name}.")


def _condition(where: str) -> Condition:
    column, _, rest = where.strip().partition(" ")
    how, _, value = rest.strip().partition(" ")
    if how not in list(Comparison):
        raise click.ClickException(f'--where "{where}": write it like "city is Berlin".')
    return Condition(column, Comparison(how), value.strip())


def _new(name: str) -> NewListName:
    title = title_of(name)
    return NewListName(title, list_name_of(title))


def _list(connection: Connection, named: str) -> KeptList:
    found = kept.find(connection, list_name_of(named))
    if found is None:
        raise click.ClickException(f"There is no list {named}.")
    return found


def _member(connection: Connection, found: KeptList, address: str) -> Member:
    with _told():
        one = members.find(connection, found.id, parse_address(address).key)
    if one is None:
        raise click.ClickException(f"{address} is not on the list.")
    return one


def _parsed(file: BinaryIO, wishes: Wishes) -> Parsed:
    with seekable(file) as data:
        try:
            encoding = sure_encoding(data, wishes.encoding)
        except FileUnsure as unsure:
            raise click.ClickException("\n".join(["Nothing was imported.", *unsure.problems])) from None
        parsed = parse_file(data, replace(wishes, encoding=encoding))
    if parsed.refusal:
        raise click.ClickException(parsed.refusal)
    return parsed


def _brought(parsed: Parsed, *, leave_out: bool) -> Newcomers:
    """Ends the command where somebody cannot be kept, unless they are to be left out."""
    brought = newcomers(parsed)
    problems = [*parsed.problems, *brought.problems()]
    if problems and not leave_out:
        shown = [f"  {in_a_line(f'{one.text}: {one.message}')}" for one in problems[:PROBLEMS_SHOWN]]
        more = [f"  and {len(problems) - PROBLEMS_SHOWN:,} more"] if len(problems) > PROBLEMS_SHOWN else []
        raise click.ClickException("\n".join(["Nothing was imported.", *shown, *more]))
    return brought


def _report(changes: ListChanges, *, would: bool) -> None:
    numbers = f"{changes.added:,} added, {changes.changed:,} changed, {changes.removed:,} removed"
    click.echo(f"{'Would be: ' if would else ''}{numbers}; {changes.unchanged:,} left as they are.")
    if changes.consents:
        click.echo(f"Of {count(changes.consents, 'recipient')} another fact of consent holds then.")


def _line(one: Member) -> str:
    values = ", ".join(f"{key}={value}" for key, value in one.variables.items())
    consented = _words_of(one.consent) if one.consent else "-"
    return in_a_line(f"{one.address}  {one.name or '-'}  {consented}  {values}".rstrip())


def _words_of(fact: ConsentFact) -> str:
    word = "given" if fact.given else "withdrawn"
    return in_a_line(" ".join(filter(None, (word, f"{fact.at:%Y-%m-%d}", fact.how, fact.evidence))))


def _as_json(one: Member) -> dict[str, object]:
    fact = one.consent
    said = None
    if fact is not None:
        said = {"given": fact.given, "at": fact.at.isoformat(), "how": fact.how, "evidence": fact.evidence}
    return {"address": one.address, "name": one.name, "variables": dict(one.variables), "consent": said}


@contextmanager
def _told() -> Iterator[None]:
    """Ends the command with what is wrong."""
    try:
        yield
    except ListIsBusy:
        raise click.ClickException(why_not(is_half_done=False)) from None
    except NameTaken as taken:
        raise click.ClickException(f"There is a list called {taken} already.") from None
    except (AddressError, ConsentUnreadable, NameUnfit, TooManyColumns, ValuesTooLong) as reason:
        raise click.ClickException(str(reason)) from None
