"""Recipients of a mailing from a terminal: typed, from a file, from a list that is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

import click

from mailroom.cli.printed import in_a_line
from mailroom.cli.progress import progress
from mailroom.cli.recipient_file import FileUnsure, seekable, size_of, sure_encoding
from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.recipients.files.list_file import parse_file
from mailroom.content.recipients.parsed import Parsed, merge
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.recipients.table import Wishes
from mailroom.engine.lists.reading import ListNotReady, parsed_of
from mailroom.ledger.lists import kept
from mailroom.web import mailroom


def recipients_of(to: tuple[str, ...], list_file: BinaryIO | None, wishes: Wishes) -> Parsed:
    parsed = parse_pasted("\n".join(to))
    if list_file:
        with seekable(list_file) as data:
            try:
                encoding = sure_encoding(data, wishes.encoding)
            except FileUnsure as unsure:
                stop_at(unsure.problems)
                raise
            with progress("Reading", size_of(data)) as tell:
                at_rows = replace(wishes, encoding=encoding, tell=lambda rows: tell(data.tell()))
                listed = parse_file(data, at_rows)
            stop_at([listed.refusal] if listed.refusal else [])
            parsed = merge(parsed, listed)
    return parsed


def people_on(named: str) -> tuple[Parsed, str]:
    """Everybody on a kept list, as it is now; and what they unsubscribe from."""
    try:
        with mailroom().database.read() as connection:
            found = kept.find(connection, list_name_of(named))
            if found is None:
                raise click.ClickException(f"--to-list: there is no list {named}.")
            return parsed_of(connection, found), found.list_name
    except ListNotReady as reason:
        raise click.ClickException(f"--to-list: {reason}") from None


def stop_at_bad(parsed: Parsed) -> None:
    more = parsed.problems.total - len(parsed.problems)
    stop_at(
        [
            *(
                in_a_line(f"{problem.text}: {problem.message}").removeprefix(": ")
                for problem in parsed.problems
            ),
            *([f"and {more:,} more"] if more else []),
        ]
    )


def stop_at(problems: list[str]) -> None:
    if problems:
        raise click.ClickException("Not sent.\n" + "\n".join(f"  {problem}" for problem in problems))
