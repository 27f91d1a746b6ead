"""A kept list takes little memory, however many its columns are, and however long its members' values."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from mailroom.content.lists.newcomers import newcomers
from mailroom.content.recipients.parsed import Parsed, Recipient, merge
from mailroom.content.recipients.spool import Recipients
from mailroom.content.templates.for_many import with_common_values
from mailroom.database.engine import Database
from mailroom.engine.lists import importing, making
from mailroom.engine.lists.arrivals import ImportWish
from mailroom.engine.lists.importing import row_of_member
from mailroom.engine.lists.making import NewListName
from mailroom.engine.lists.reading import ListNotReady, parsed_of
from mailroom.ledger.lists import kept, members
from mailroom.ledger.lists.kept import KeptList
from mailroom.web.list_export import lines_of_list

WIDE = [f"c{number}" for number in range(1_000)]
LONG = {"a": "x" * 60_000}
MOST_TAKEN = 60_000_000
"""Octets: 20,000 members without a value took 720 MB, and 2,500 with long ones 480."""


def kept_list(database: Database, number: int, columns: list[str], values: Mapping[str, str]) -> KeptList:
    with database.begin() as connection:
        made = kept.add(connection, "Digest", "digest", columns=columns)
        for first in range(0, number, 500):
            some = range(first, min(number, first + 500))
            rows = [row_of_member(made.id, f"a{n}@mail.example", "", values, None, 1) for n in some]
            members.add(connection, made.id, rows)
        found = kept.by_id(connection, made.id)
    assert found is not None
    return found


@contextmanager
def taking_little() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < MOST_TAKEN, f"{taken:,} octets"


def test_columns_that_nobody_fills(database: Database) -> None:
    one = kept_list(database, 3_000, WIDE, {})
    with taking_little(), database.read() as connection:
        assert len(parsed_of(connection, one).recipients) == 3_000


def test_they_are_not_written_down_without_end(database: Database) -> None:
    """For each delivery: two megabytes of an import became a gigabyte of the ledger."""
    one = kept_list(database, 13_000, WIDE, {})
    with database.read() as connection, pytest.raises(ListNotReady, match="1,000 columns"):
        parsed_of(connection, one)


def test_usual_columns_may_all_be_empty(database: Database) -> None:
    one = kept_list(database, 3_000, WIDE[:90], {})
    with database.read() as connection, pytest.MonkeyPatch.context() as patched:
        patched.setattr("mailroom.engine.lists.reading.MOST_EMPTY", 0)
        assert len(parsed_of(connection, one).recipients) == 3_000


def test_long_values(database: Database) -> None:
    one = kept_list(database, 1_500, ["a"], LONG)
    with taking_little():
        with database.read() as connection:
            assert len(parsed_of(connection, one).recipients) == 1_500
        assert sum(1 for _ in lines_of_list(database, one)) > 2
        with database.read() as connection:
            assert 0 < len(members.page_of_some(connection, one.id, None, 1_000)) < 1_000
        assert making.from_list(database, one, [], NewListName("Copy", "copy")).total == 1_500
        people = "".join(f"a{n}@mail.example\n" for n in range(1_500))
        brought = newcomers(Parsed(Recipients(Recipient(line) for line in people.split())))
        with database.read() as connection:
            assert importing.plan_import(connection, one, brought, ImportWish()).unchanged == 1_500
        assert importing.import_into(database, one, brought, ImportWish(replaces=True)).changed == 1_500


def test_common_values_and_several_lists() -> None:
    common = dict.fromkeys(WIDE[:40], 1)
    with taking_little():
        many = Parsed(Recipients(Recipient(f"a{number}@mail.example") for number in range(40_000)))
        filled = with_common_values(common, many)
        both = merge(filled, Parsed(Recipients([Recipient("ann@mail.example")])))
        assert len(both.recipients) == 40_001 and both.recipients[39_999].variables == common
