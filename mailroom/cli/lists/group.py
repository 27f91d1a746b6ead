"""The commands of lists: what all of them need, and how they say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection

from mailroom.content.addresses import AddressError
from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.lists.list_title import NameUnfit, title_of
from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.content.lists.newcomers import TooManyColumns
from mailroom.content.lists.stated_consent import ConsentUnreadable
from mailroom.engine.lists.making import NewListName
from mailroom.engine.lists.reading import why_not
from mailroom.ledger.lists import kept
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.web.ledger_command import LedgerGroup

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


def new_name(name: str) -> NewListName:
    title = title_of(name)
    return NewListName(title, list_name_of(title))


def list_named(connection: Connection, named: str) -> KeptList:
    found = kept.find(connection, list_name_of(named))
    if found is None:
        raise click.ClickException(f"There is no list {named}.")
    return found


@contextmanager
def told() -> Iterator[None]:
    """Ends the command with what is wrong."""
    try:
        yield
    except ListIsBusy:
        raise click.ClickException(why_not(is_half_done=False)) from None
    except NameTaken as taken:
        raise click.ClickException(f"There is a list called {taken} already.") from None
    except (AddressError, ConsentUnreadable, NameUnfit, TooManyColumns, ValuesTooLong) as reason:
        raise click.ClickException(str(reason)) from None
