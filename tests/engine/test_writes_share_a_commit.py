"""What threads write at the same moment is committed together, and fails alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from mailroom.database import group_commit
from mailroom.database.engine import Database
from mailroom.ledger.schema import suppressions


def note(key: str, *, fails: bool = False) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        add(connection, key)
        if fails:
            raise ValueError(key)
        return key

    return work


def add(connection: Connection, key: str) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO suppressions (address_key, reason, note, created_at) VALUES ('{key}', 'manual', '', 0)"
    )


def noted(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(suppressions.c.address_key)).scalars())


def test_each_gets_its_own_answer(database: Database) -> None:
    keys = [f"p{number}@mail.example" for number in range(40)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda key: group_commit.write(database, note(key)), keys))
    assert answers == keys
    assert noted(database) == set(keys)


@pytest.mark.parametrize("is_first_wrong", [False, True])
def test_who_comes_meanwhile_shares_the_commit_and_a_failure_undoes_itself_only(
    sqlite_url: str, is_first_wrong: bool
) -> None:
    """Even that of the first, who wrote before anybody else was there."""
    database = Database(sqlite_url)
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    begun, may_go_on = Event(), Event()

    def first(connection: Connection) -> None:
        begun.set()
        assert may_go_on.wait(10)
        if is_first_wrong:
            raise ValueError("first")

    with ThreadPoolExecutor(8) as threads:
        leader = threads.submit(group_commit.write, database, first)
        assert begun.wait(10)
        good = [threads.submit(group_commit.write, database, note(f"good{n}")) for n in range(3)]
        bad = threads.submit(group_commit.write, database, note("bad", fails=True))
        while len(group_commit._lines[database]._waiting) < 4:
            pass
        may_go_on.set()
        if is_first_wrong:
            with pytest.raises(ValueError, match="first"):
                leader.result(10)
        else:
            leader.result(10)
        assert [future.result(10) for future in good] == ["good0", "good1", "good2"]
        with pytest.raises(ValueError, match="bad"):
            bad.result(10)
    assert len(commits) == 1
    assert noted(database) == {"good0", "good1", "good2"}
    database.dispose()


def test_a_group_ends_though_more_and_more_come(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LARGEST_GROUP", 3)
    database = Database(sqlite_url)
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    begun, may_go_on = Event(), Event()

    def first(connection: Connection) -> None:
        begun.set()
        assert may_go_on.wait(10)

    with ThreadPoolExecutor(8) as threads:
        leader = threads.submit(group_commit.write, database, first)
        assert begun.wait(10)
        others = [threads.submit(group_commit.write, database, note(f"p{n}")) for n in range(4)]
        while len(group_commit._lines[database]._waiting) < 4:
            pass
        may_go_on.set()
        leader.result(10)
        assert sorted(future.result(10) for future in others) == ["p0", "p1", "p2", "p3"]
    assert len(commits) == 2
    database.dispose()


def test_when_the_commit_fails_all_are_told(sqlite_url: str) -> None:
    database = Database(sqlite_url, busy_timeout=50)
    other = Database(sqlite_url)
    with other.begin(), ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(group_commit.write, database, note(f"p{n}")) for n in range(4)]
        for future in futures:
            with pytest.raises(OperationalError):
                future.result(10)
    assert noted(database) == set()
    database.dispose()
    other.dispose()


def test_who_writes_alone_goes_on_before_the_commit_on_sqlite_only(database: Database) -> None:
    happened: list[str] = []
    event.listen(database.engine, "commit", lambda _: happened.append("commit"))
    group_commit.write(database, note("p"), happened.append)
    assert happened == (["p", "commit"] if database.is_sqlite else ["commit"])
    with pytest.raises(ValueError, match="bad"):
        group_commit.write(database, note("bad", fails=True), happened.append)
    assert "bad" not in happened
