"""Suppressions are found by their index, and no search and no page reads a million of them."""

from __future__ import annotations

from itertools import cycle

import pytest
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from tests.ledger.plans import plans_of


def found(database: Database, words: str) -> list[str]:
    with database.read() as connection:
        return [one.address_key for one in suppressions.search(connection, words).found]


def test_by_address_sender_list_and_note_in_any_case(database: Database) -> None:
    with database.begin() as connection:
        suppressions.add(connection, ["ann@mail.example"], note="KöLN, 50%_")
        scope = Scope("news@acme.example", "digest")
        suppressions.add(connection, ["bob@mail.example"], scope=scope, note="Köln")
    for words in (" ANN@", "nn@m", "50%_"):
        assert found(database, words) == ["ann@mail.example"], words
    for words in ("News@", "diGest"):
        assert found(database, words) == ["bob@mail.example"], words
    assert found(database, "köln") == ["ann@mail.example", "bob@mail.example"]
    for words in ("%%", "__", "a_n", "köln50", "other"):
        assert found(database, words) == [], words


@pytest.mark.parametrize("searched", [1, 3, 12, 30])
@pytest.mark.parametrize("limits", [(4,), (1,), (3, 1, 5), (5, 1), (12,), (20,)])
def test_the_pages_of_a_search_have_each_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, searched: int, limits: tuple[int, ...]
) -> None:
    """Those that begin with the words in front, wherever they stand."""
    monkeypatch.setattr(suppressions, "SUPPRESSIONS_SEARCHED", searched)
    begin = [f"ann{number}@mail.example" for number in range(5)]
    hold = sorted(f"{name}.ann@mail.example" for name in "azbmcxd")
    with database.begin() as connection:
        suppressions.add(connection, [*begin, *hold, "bob@mail.example", "zoe@mail.example"])
        suppressions.add(connection, [begin[2], hold[3]], scope=Scope("a@acme.example"))
    seen, after, sizes = list[str](), None, cycle(limits)
    while True:
        with database.read() as connection:
            some = suppressions.search(connection, "ann", after, limit := next(sizes))
        assert len(some.found) <= limit
        seen, after = seen + [one.address_key for one in some.found], some.go_on
        if after is None:
            break
    assert seen == sorted([*begin, begin[2]]) + sorted([*hold, hold[3]])


def test_a_search_stops_and_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressions, "SUPPRESSIONS_SEARCHED", 4)
    with database.begin() as connection:
        suppressions.add(connection, [f"p{number}@mail.example" for number in range(10)])
    with database.read() as connection:
        some = suppressions.search(connection, "9@mail")
        assert some.found == [] and some.go_on is not None, "nothing yet"
        assert suppressions.search(connection, "p9").found[0].address_key == "p9@mail.example"
        assert suppressions.count(connection, 7) == 7 and suppressions.count(connection) == 10


def test_no_plan_sorts_or_reads_all(database: Database) -> None:
    with database.begin() as connection:
        suppressions.add(connection, (f"p{number:05}@mail.example" for number in range(3_000)))

    def ask(connection: Connection) -> None:
        suppressions.search(connection, "p0", "p00100@mail.example\t\t", 10)
        suppressions.page(connection, "p00100@mail.example\t\t", 10)

    for sql, plan in plans_of(database, ask):
        if "FROM suppressions" in sql:
            assert "Seq Scan on suppressions" not in plan and "SCAN suppressions\n" not in f"{plan}\n", plan
            assert "TEMP B-TREE" not in plan or "LIKE" in sql, plan
