"""flask suppressions: who gets no mail, or no more of some of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO

import click
import structlog
from sqlalchemy import Connection

from mailroom.cli.printed import print_line
from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.content import LONGEST_LIST_NAME
from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.suppressions.suppression_csv import judge_suppression_csv, suppressions_in
from mailroom.content.suppressions.suppression_words import LONGEST_NOTE, WordsUnfit, check_words
from mailroom.in_parts import in_parts
from mailroom.ledger import suppressions as listed
from mailroom.ledger.consent import link_keys
from mailroom.ledger.consent.link_keys import RingIsFull
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.suppressions import Suppression
from mailroom.web import mailroom
from mailroom.web.csv_export import EXPORTED_AT_ONCE, line, pages
from mailroom.web.layout.filters import count
from mailroom.web.ledger_command import LedgerGroup, not_blank
from mailroom.web.pages.suppressions import SUPPRESSIONS_CSV_HEADER, row_of_suppression

log = structlog.get_logger()

suppressions = LedgerGroup("suppressions", help="Who gets no mail, or no more of some of it.")

ADDED_AT_ONCE = 1_000
"""Rows in one transaction."""

of_sender = click.option(
    "--sender", default="", callback=not_blank, help="Only the bulk mail of this address; left out: all mail."
)
of_list = click.option(
    "--list", "list_name", default="", callback=not_blank, help="Only this list of the sender's bulk mail."
)


@suppressions.command("list")
@click.argument("words", default="")
def show(words: str) -> None:
    """List who is suppressed, WORDS in address, sender, list or note only."""
    for some in _found(words) if words.strip() else _pages():
        for one in some:
            what = {"all": "all mail", "sender": f"bulk mail from {one.sender}"}
            stopped = what.get(one.scope.word, f"“{one.list_name}” from {one.sender}")
            print_line(
                f"{one.address_key}  {stopped}  {one.reason}  {one.created_at:%Y-%m-%d}  {one.note}".rstrip()
            )


@suppressions.command()
@click.argument("addresses", nargs=-1, required=True)
@of_sender
@of_list
@click.option("--reason", type=click.Choice(listed.REASONS), default="manual", show_default=True)
@click.option("--note", default="")
def add(addresses: Sequence[str], sender: str, list_name: str, reason: str, note: str) -> None:
    """Suppress ADDRESSES, from their next mail on."""
    scope, keys = _scope(sender, list_name), [_key(address) for address in addresses]
    try:
        check_words(note, scope.list_name)
    except WordsUnfit as reason:
        raise click.ClickException(str(reason)) from None
    same = {
        **scope._asdict(),
        "reason": reason,
        "note": note[:LONGEST_NOTE],
        "evidence": "added by a command",
    }
    _report(_add([{"address_key": key, **same} for key in keys]), len(keys))


@suppressions.command()
@click.argument("address")
@of_sender
@of_list
def remove(address: str, sender: str, list_name: str) -> None:
    """Take ADDRESS off the list: with --sender in that scope, else altogether."""
    key, scope = _key(address), _scope(sender, list_name) if sender or list_name else None
    with mailroom().database.begin() as connection:
        removed = listed.remove(connection, key, scope)
    if not removed:
        raise click.ClickException(f"{address} is not on the list")
    log.info("an address is suppressed no more", scope=scope.word if scope else "any")
    click.echo(f"{address} may be mailed again.")


@suppressions.command("import")
@click.argument("file", type=click.File("rb"))
def import_file(file: BinaryIO) -> None:
    """Suppress all addresses of a CSV FILE (- reads standard input), or none if one is wrong."""
    file = file if file.seekable() else BytesIO(file.read())
    found = judge_suppression_csv(file, listed.REASONS)
    if found.problems:
        lines = (f"  line {number}: {message}" for number, message in found.problems[:10])
        raise click.ClickException("\n".join(("Nothing was imported.", *lines)))
    rows = suppressions_in(file, listed.REASONS)
    _report(_add({**row._asdict(), "evidence": "imported by a command"} for row in rows), found.total)


@suppressions.command()
def export() -> None:
    """Write the whole list to standard output, as CSV that `import` takes."""
    sys.stdout.write(line(SUPPRESSIONS_CSV_HEADER))
    for some in _pages():
        sys.stdout.write("".join(line(row_of_suppression(one)) for one in some))


@suppressions.command("new-link-key")
def new_link_key() -> None:
    """Seal unsubscribe links with a new key from now on. Older links go on working."""
    try:
        with mailroom().database.begin() as connection:
            number = link_keys.add(connection)
    except RingIsFull:
        raise click.ClickException("There are 255 keys already, which is all that there can be.") from None
    log.info("a key for unsubscribe links is made", number=number)
    click.echo(f"Key {number} seals what is compiled from now on; workers use it for their next mailings.")


def _pages() -> Any:
    def read(connection: Connection, last: Suppression | None) -> list[Suppression]:
        return listed.page(connection, last.place if last else None, EXPORTED_AT_ONCE)

    return pages(mailroom().database, read)


def _found(words: str) -> Iterator[list[Suppression]]:
    """All of the list is looked through, a part at a time."""
    go_on: str | None = ""
    while go_on is not None:
        with mailroom().database.read() as connection:
            some, go_on = listed.search(connection, words, go_on, EXPORTED_AT_ONCE)
        yield some


def _add(rows: Iterable[Mapping[str, Any]]) -> int:
    added = 0
    for some in in_parts(rows, ADDED_AT_ONCE):
        with mailroom().database.begin() as connection:
            added += listed.add_rows(connection, some)
    log.info("addresses are suppressed", number=added)
    return added


def _report(added: int, given: int) -> None:
    known = f"; {given - added:,} known already" if added < given else ""
    click.echo(f"{count(added, 'address', 'addresses')} added{known}.")


def _scope(sender: str, list_name: str) -> Scope:
    if not sender and list_name:
        raise click.ClickException("--list needs --sender: whose list is it?")
    if len(list_name) > LONGEST_LIST_NAME:
        raise click.ClickException(f"--list: the name of a list has at most {LONGEST_LIST_NAME} characters.")
    return Scope(_key(sender), list_name_of(list_name)) if sender else ALL_MAIL


def _key(address: str) -> str:
    try:
        return parse_address(address).key
    except AddressError as error:
        raise click.ClickException(f"{address}: {error}") from None
