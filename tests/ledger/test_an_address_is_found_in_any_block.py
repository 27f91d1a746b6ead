"""The index of addresses has a part for each block of deliveries; a search finds what is in any of them."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.schema import CreateIndex

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import search
from mailroom.ledger.schema import block_of, deliveries, mailings
from mailroom.ledger.states import MailingState
from tests.ledger.book import Book
from tests.ledger.plans import plans_of

BLOCK = 1 << 15
WORDS = ("ann", "ann.", "ann.lee@", "ANN.LEE@mail.example", "bo", "lee", "zoe", "nobody", "%", "n_")


def test_a_block_is_as_long_as_the_index_says(database: Database) -> None:
    with database.read() as connection:
        ids = (BLOCK - 1, BLOCK, 5 * BLOCK)
        assert [connection.scalar(select(block_of(func.max(id)))) for id in ids] == [0, 1, 5]


@pytest.mark.parametrize("seed", range(3))
def test_a_search_finds_what_reading_everything_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever it is asked for, from wherever it goes on; blocks may be empty, and mailings may be staged."""
    dice = random.Random(seed)
    monkeypatch.setattr(search, "RECENT", dice.choice((1, 3 * BLOCK)))
    scattered(database, dice)
    with database.read() as connection:
        for words in WORDS:
            for limit in (1, 4, 1_000):
                before: int | None = None
                for _ in range(4):
                    expected = by_reading(database, words, before, limit)
                    found = search.recipients(connection, words, before, limit)
                    assert [delivery.id for delivery, _ in found] == expected, (words, before, limit)
                    assert all(subject == "Hello" for _, subject in found)
                    before = expected[-1] if expected else dice.choice((0, 1, BLOCK, 7 * BLOCK))


@pytest.mark.parametrize("seed", range(2))
def test_further_back_it_finds_what_reading_everything_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Page by page, from the newest deliveries that a search only knows by how they begin; and it ends."""
    dice = random.Random(seed)
    monkeypatch.setattr(search, "RECENT", dice.choice((1, 3 * BLOCK)))
    monkeypatch.setattr(search, "LOOKED_THROUGH", dice.choice((BLOCK // 3, 4 * BLOCK)))
    scattered(database, dice)
    with database.read() as connection:
        for words in ("ann", "lee", "ANN@mail", "nobody", "n_"):
            rest, seen, pages = search.not_recent(connection), list[int](), 0
            assert rest is not None
            expected = [id for id in by_reading(database, words, None, 1_000, anywhere=True) if id < rest[0]]
            while rest is not None:
                some, rest = search.further_back(connection, words, rest.before_id, 2)
                assert len(some) <= 2
                seen, pages = seen + [delivery.id for delivery, _ in some], pages + 1
                assert pages < 60
            assert seen == expected, words


def test_no_search_reads_all_deliveries(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RECENT", 1)
    scattered(database, random.Random(1))
    plans = [plan for _, plan in plans_of(database, lambda reader: search.recipients(reader, "ann"))]
    assert sum("ix_deliveries_address" in plan for plan in plans) == 1
    plans += [
        plan for _, plan in plans_of(database, lambda reader: search.further_back(reader, "ann", BLOCK))
    ]
    plans += [plan for _, plan in plans_of(database, search.not_recent)]
    for plan in plans:
        assert "SCAN deliveries" not in plan and "Seq Scan on deliveries" not in plan, plan


def test_the_migrated_ledger_has_the_index_that_the_schema_names(database: Database) -> None:
    """Alembic compares none of an expression on SQLite, and a table that it makes anew would lose it."""
    [index] = [index for index in deliveries.indexes if index.name == "ix_deliveries_address"]
    catalogue = (
        "SELECT sql FROM sqlite_master WHERE name = 'ix_deliveries_address'"
        if database.is_sqlite
        else "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_deliveries_address'"
    )
    with database.read() as connection:
        made = connection.exec_driver_sql(catalogue).scalar_one()
    words = str(CreateIndex(index).compile(database.engine))
    assert bare(made) == bare(words)


def bare(index: str) -> str:
    for noise in ("USING btree ", "public.", "(", ")", ","):
        index = index.replace(noise, " ")
    return " ".join(index.split())


def scattered(database: Database, dice: random.Random) -> None:
    """Three dozen deliveries in ten blocks, some of them empty; one mailing of three is staged."""
    shown, staged, other = (Book(database).accept(["first@mail.example"]) for _ in range(3))
    ids = sorted([*dice.sample(range(10, 10 * BLOCK), 30), BLOCK - 1, BLOCK, 8 * BLOCK, 8 * BLOCK + 1])
    rows = []
    for id in ids:
        key = dice.choice(("ann", "ann.lee", "bo", "joann", "n_o", "zoe", "bo%")) + "@mail.example"
        name = dice.choice(("", "", "Ann Lee", "Zoe"))
        where = dice.choice((shown, staged, other))
        rows.append({"id": id, "mailing_id": where, "address": key, "address_key": key, "name": name})
    with database.begin() as connection:
        connection.execute(insert(deliveries), [row | {"updated_at": 0} for row in rows])
        connection.execute(mailings.update().where(mailings.c.id == staged).values(state=MailingState.STAGED))


def by_reading(
    database: Database, words: str, before: int | None, limit: int, *, anywhere: bool = False
) -> list[int]:
    key = words.lower()
    with database.read() as connection:
        rows = connection.execute(
            select(deliveries.c.id, deliveries.c.address_key, deliveries.c.name)
            .join(mailings, mailings.c.id == deliveries.c.mailing_id)
            .where(mailings.c.state != MailingState.STAGED)
            .order_by(deliveries.c.id.desc())
        ).all()
        newest = connection.scalar(select(func.max(deliveries.c.id))) or 0
    return [
        row.id
        for row in rows
        if (before is None or row.id < before)
        and (
            row.address_key.startswith(key)
            or (
                (anywhere or row.id > newest - search.RECENT)
                and (key in row.address_key or key in row.name.lower())
            )
        )
    ][:limit]
