"""A driven statement gives and takes what SQLAlchemy would, and fails as it does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import JSON, bindparam, column, insert, select, text, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from mailroom.database import statement
from mailroom.database.engine import Database
from mailroom.database.statement import CompiledStatement, Statement
from mailroom.ledger.schema import api_keys, suppressions

ADD = Statement(insert(suppressions).inline(), ("address_key", "reason", "created_at"))
WORDS = [suppressions.c[name] for name in ("address_key", "reason", "note", "created_at")]
FIND = Statement(select(*WORDS).where(suppressions.c.address_key == bindparam("wanted")))
BLAME = Statement(update(suppressions).where(suppressions.c.reason == "manual").values(note=bindparam("why")))
AT = datetime(2026, 11, 23, 10, 30, 0, 5_000, tzinfo=UTC)
ANN = {"address_key": "ann@mail.example", "reason": "manual", "created_at": AT}
BEN = {"address_key": "ben@mail.example", "reason": "bounced", "created_at": AT}


def test_it_converts_as_the_types_say(database: Database) -> None:
    columns = ("name", "key_hash", "scopes", "senders", "rate", "created_at", "expires_at")
    add = Statement(insert(api_keys).returning(api_keys.c.scopes, api_keys.c.created_at), columns)
    values = {"name": "shop", "key_hash": "00", "scopes": ["send", "ä"], "senders": [], "rate": "1/second"}
    with database.begin() as connection:
        assert add.one(connection, **values, created_at=AT, expires_at=None) == (["send", "ä"], AT)
        row = connection.execute(select(api_keys)).one()
    assert (row.scopes, row.senders, row.created_at, row.expires_at) == (["send", "ä"], [], AT, None)


def test_it_reads_the_json_of_all_rows_as_that_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = CompiledStatement(select(column("a", JSON)), sqlite.dialect(), None)
    texts = ['{"a": "1,2"}', None, "[]", "null", '"],["', "5"]
    values: list[object] = [{"a": "1,2"}, None, [], None, "],[", 5]
    assert [value for (value,) in compiled.rows([(text,) for text in texts])] == values
    assert compiled.rows([(5,), ("[1]",)]) == [(5,), ([1],)], "SQLite gives back a number for its text"
    monkeypatch.setattr(statement, "READ_TOGETHER", 3)
    assert [value for (value,) in compiled.rows([(text,) for text in texts])] == values


def test_it_finds_one_row_or_none(database: Database) -> None:
    with database.begin() as connection:
        ADD.run(connection, **ANN)
    with database.read() as connection:
        assert FIND.one(connection, wanted="ann@mail.example") == ("ann@mail.example", "manual", "", AT)
        assert FIND.one(connection, wanted="ben@mail.example") is None


def test_it_counts_the_rows_it_changes(database: Database) -> None:
    with database.begin() as connection:
        ADD.run_each(connection, [ANN, BEN])
        assert BLAME.run(connection, why="asked to") == 1


def test_it_raises_what_sqlalchemy_raises(database: Database) -> None:
    with pytest.raises(IntegrityError), database.begin() as connection:
        ADD.run_each(connection, [ANN, ANN])
    with database.read() as connection:
        assert FIND.one(connection, wanted="ann@mail.example") is None, "all of it was taken back"
    with pytest.raises(DBAPIError), database.begin() as connection:
        Statement(text("SELECT 1 FROM nowhere")).one(connection)


def test_a_value_that_is_missing_is_a_fault(database: Database) -> None:
    with database.begin() as connection, pytest.raises(Exception, match="created_at"):
        ADD.run(connection, address_key="ann@mail.example", reason="manual")


def test_its_own_values_stand_in_its_words_as_they_are(database: Database) -> None:
    odd = "100 % of 'them', a \\, a %s, a ? and a :name"
    find = Statement(select(suppressions.c.address_key).where(suppressions.c.note == odd))
    with database.begin() as connection:
        ADD.run_each(connection, [ANN, BEN])
        assert BLAME.run(connection, why=odd) == 1
        assert find.all(connection) == [("ann@mail.example",)]
