"""Members of a list are found by indexes, and no search reads a million of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle

import pytest
from sqlalchemy import Connection

from mailroom.content.lists.list_values import words_of
from mailroom.database.engine import Database
from mailroom.engine.lists.importing import row_of_member
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.lists import kept, members
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.schema import list_members
from tests.ledger.plans import plans_of


def filled(connection: Connection, name: str, addresses: Sequence[str], **values: str) -> KeptList:
    made = kept.add(connection, name, name.lower())
    rows = [row_of_member(made.id, one, f"Name of {one}", values, None, 1) for one in addresses]
    members.add(connection, made.id, rows)
    return made


def found(
    database: Database, list_id: int, words: str, after: int | None = None, limit: int = 10
) -> list[str]:
    with database.read() as connection:
        return [one.address for one in members.search(connection, list_id, words, after, limit).found]


def test_by_address_name_and_value_in_any_case(database: Database) -> None:
    with database.begin() as connection:
        one = filled(connection, "One", ["Ann@mail.example", "bob@mail.example"], city="KÖLN", share="50%_")
        filled(connection, "Other", ["ann@other.example"], city="Köln")
    for words in ("ANN@", "nn@mail", "name of ann"):
        assert found(database, one.id, words) == ["Ann@mail.example"], words
    for words in ("köln", "50%_", "mail.example"):
        assert found(database, one.id, words) == ["Ann@mail.example", "bob@mail.example"], words
    for words in ("%", "_", "l_n", "köln50", "other"):
        assert len(found(database, one.id, words)) == (2 if words in ("%", "_") else 0), words


def test_a_search_stops_and_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_SEARCHED", 4)
    addresses = [f"p{number}@mail.example" for number in range(10)]
    with database.begin() as connection:
        one = filled(connection, "One", ["x@mail.example", *addresses, "zz-p9@mail.example"])
    seen, after, rounds = list[str](), None, 0
    while rounds == 0 or after is not None:
        with database.read() as connection:
            some = members.search(connection, one.id, "9@mail", after, 10)
        seen += [member.address for member in some.found]
        after, rounds = some.go_on, rounds + 1
    assert seen == ["p9@mail.example", "zz-p9@mail.example"] and rounds == 3
    assert found(database, one.id, "zz-p")[0] == "zz-p9@mail.example", "by the index, however far it is"
    with database.read() as connection:
        some = members.search(connection, one.id, "p", None, 2)
    assert some.go_on is not None and len(some.found) == 2


def test_no_words_take_long_in_no_list(database: Database) -> None:
    """LIKE took 4.7 seconds for six megabytes, and a key may make a list of gigabytes."""
    with database.begin() as connection:
        one = filled(connection, "One", [f"p{n}@mail.example" for n in range(300)], note="a" * 60_000)
    for words in ("a" * 199 + "b", "b" + "a" * 199, "ab" * 100):
        began = time.monotonic()
        assert found(database, one.id, words) == []
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("searched", [1, 3, 12, 30])
@pytest.mark.parametrize("limits", [(4,), (1,), (3, 1, 5), (5, 1), (12,), (20,)])
def test_the_pages_of_a_search_have_everybody_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, searched: int, limits: tuple[int, ...]
) -> None:
    """In whatever order they were added; those who begin with the words in front."""
    monkeypatch.setattr(members, "MEMBERS_SEARCHED", searched)
    begin = [f"ann{number}@mail.example" for number in range(5)]
    hold = [f"{name}.ann@mail.example" for name in ("a", "z", "b", "m", "c", "x", "d")]
    added = [hold[0], begin[4], *hold[1:3], begin[1], begin[0], *hold[3:6], "bob@mail.example", *begin[2:4]]
    with database.begin() as connection:
        filled(connection, "Other", begin)
        one = filled(connection, "One", [*added, hold[6]])
    seen, after, sizes = list[str](), None, cycle(limits)
    while True:
        with database.read() as connection:
            some = members.search(connection, one.id, "ann", after, limit := next(sizes))
        assert len(some.found) <= limit
        seen, after = seen + [member.address for member in some.found], some.go_on
        if after is None:
            break
        assert after > 0
    assert seen == begin + hold


def test_nobody_is_skipped_when_somebody_was_taken_off_meanwhile(database: Database) -> None:
    addresses = [f"ann{number}@mail.example" for number in range(4)]
    with database.begin() as connection:
        one = filled(connection, "One", addresses)
        some = members.search(connection, one.id, "ann", None, 2)
        members.remove(connection, one.id, [some.found[-1].id])
    assert set(addresses[2:]) <= set(found(database, one.id, "ann", some.go_on))


def test_no_question_reads_the_table_or_sorts_it(database: Database) -> None:
    with database.begin() as connection:
        one = filled(connection, "One", [f"p{number}@mail.example" for number in range(50)])
    of = unsubscribing.Subscription(1, "p1@mail.example", Scope("news@acme.example", "one"))
    for read in (
        lambda c: members.page(c, one.id, 7, 10),
        lambda c: members.search(c, one.id, "p1", 7, 10),
        lambda c: members.search(c, one.id, "p1", 8, 10),
        lambda c: members.search(c, one.id, "p1", None, 10),
        lambda c: members.find(c, one.id, "p1@mail.example"),
        lambda c: members.among(c, one.id, ["p1@mail.example", "p2@mail.example"]),
        lambda c: members.lists_with(c, "p1@mail.example"),
        lambda c: members.ids_after(c, one.id, 7, 10),
        lambda c: unsubscribing.unsubscribe(c, of, ALL_MAIL, "test"),
    ):
        for sql, plan in plans_of(database, read):
            if "list_members" in sql and not sql.startswith(("INSERT INTO consent_facts", "UPDATE")):
                assert "SCAN list_members" not in plan and "Seq Scan on list_members" not in plan, plan
                assert "TEMP B-TREE FOR ORDER BY" not in plan or "ORDER BY lists.name" in sql, plan


def test_a_name_is_its_owners_only_one(database: Database) -> None:
    with database.begin() as connection:
        filled(connection, "One", [])
        kept.add(connection, "One", "one", program_id=3)
    with pytest.raises(NameTaken), database.begin() as connection:
        kept.add(connection, "ONE", "one")
    with database.read() as connection:
        mine = kept.find(connection, "One", program_id=3)
        assert mine is not None and mine.program_id == 3
        assert [one.program_id for one in kept.page(connection, limit=9)] == [3, 0]


def test_words_are_kept_within_bounds() -> None:
    assert words_of("Ann", {"city": "Köln", "age": 42, "left": True}) == "ann\nköln\n42\ntrue"
    assert len(words_of("Ann", {"note": "x" * 100_000})) == 2_000
    assert list_members.c.words.type.python_type is str


def test_nobody_of_other_lists_is_passed_over(database: Database) -> None:
    """Whoever came before a large list: PostgreSQL would read all of them by the primary key.

    Nor who is in front of a page: SQLite would, if it began with the list.
    """
    with database.begin() as connection:
        filled(connection, "Other", [f"o{number}@mail.example" for number in range(400)])
        one = filled(connection, "One", [f"p{number}@mail.example" for number in range(4_000)])
        connection.exec_driver_sql("ANALYZE list_members")
    for read in (
        lambda c, after=None: members.page(c, one.id, after, 10),
        lambda c, after=0: members.ids_after(c, one.id, after, 10),
        lambda c, after=None: members.search(c, one.id, "p1", after, 10),
    ):
        plans = in_order_of_ids(database, read)
        assert all("ix_list_members_list_id_id" in plan for plan in plans), plans
        plans = in_order_of_ids(database, partial(read, after=701))
        assert all("ix_list_members_list_id_id" in plan for plan in plans), plans
        assert not database.is_sqlite or all("(list_id=? AND id>?)" in plan for plan in plans), plans


def in_order_of_ids(database: Database, read: Callable[[Connection], object]) -> list[str]:
    """Plans of what is read so; there is at least one."""
    plans = [plan for sql, plan in plans_of(database, read) if "ORDER BY list_members.list_id" in sql]
    assert plans
    return plans
