"""A search of subjects reads so many mailings and says where it stopped; from there it goes on."""

from __future__ import annotations

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.mailings import mailings
from tests.ledger.book import Book
from tests.ledger.plans import plans_of


def test_it_goes_on_until_all_are_looked_through(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailings, "SUBJECTS_SEARCHED", 3)
    ids = [Book(database).accept([f"n{number}@mail.example"]) for number in range(7)]
    seen, before, pages = list[int](), None, 0
    with database.read() as connection:
        while pages == 0 or before is not None:
            some = mailings.search(connection, "hell", before)
            assert len(some) <= 3
            seen, pages = seen + [one.id for one in some], pages + 1
            rest = mailings.not_searched(connection, before)
            before = rest.before_id if rest else None
            if rest is not None:
                newest = mailings.get(connection, rest.before_id - 1)
                assert newest is not None and newest.created_at == rest.accepted_at
    assert seen == ids[::-1] and pages == 3


def test_it_reads_no_other_mailings(database: Database) -> None:
    Book(database).accept(["ann@mail.example"])
    for read in (
        lambda c: mailings.search(c, "x", 9),
        lambda c: mailings.search(c, "x"),
        mailings.not_searched,
    ):
        for _, plan in plans_of(database, read):
            assert "SCAN mailings" not in plan and "Seq Scan on mailings" not in plan, plan
