"""A file comes into a list, and a list goes out as a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import BinaryIO

import click

from mailroom.cli.lists.group import list_named, lists, told, with_consent
from mailroom.cli.printed import in_a_line
from mailroom.cli.recipient_file import FileUnsure, seekable, sure_encoding
from mailroom.content.lists.newcomers import Newcomers, newcomers
from mailroom.content.lists.stated_consent import stated
from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Wishes
from mailroom.engine.lists import importing as into_list
from mailroom.engine.lists.arrivals import ImportWish, ListChanges
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.list_export import lines_of_list

PROBLEMS_SHOWN = 10


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
    with told():
        said = stated("", consent_at, consent_how, consent_evidence)
        brought = _brought(_parsed(file, Wishes(encoding, sheet, column)), leave_out=leave_out)
        wish, database = ImportWish(replaces=replaces, consent=said), mailroom().database
        with database.read() as connection:
            found = list_named(connection, named)
            if dry_run:
                _report(into_list.plan_import(connection, found, brought, wish), would=True)
                return
        _report(into_list.import_into(database, found, brought, wish), would=False)


@lists.command()
@click.argument("named")
def export(named: str) -> None:
    """Write a list to standard output, as CSV that `import` takes, consent included."""
    with mailroom().database.read() as connection:
        found = list_named(connection, named)
    for some in lines_of_list(mailroom().database, found):
        sys.stdout.write(some)


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
