"""PgBouncer in transaction mode: each transaction may be in another session, which is others' as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import String, bindparam, literal_column, select, text

from mailroom.database.connection.pooler import EACH_TRANSACTION
from mailroom.database.connection.raw import CHANGED
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.database.statement import Statement
from mailroom.ledger.backup import BackupFailed, restore, save
from tests import postgres
from tests.pgbouncer import PgBouncer
from tests.postgres import Postgres
from tests.servers import Valkey
from tests.system import System

LOCK_TIMEOUT = 4_321
MAILS = 400
OURS = ("lock_timeout", "idle_in_transaction_session_timeout", "tcp_keepalives_idle", "search_path")


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    database = Database(pooled_url, busy_timeout=LOCK_TIMEOUT)
    yield database
    database.dispose()


def settings_of_all_sessions(url: str) -> set[tuple[str, ...]]:
    """What a stranger finds in each session of the pool, while all of them are taken."""
    shown = "SELECT " + ", ".join(f"current_setting('{name}')" for name in OURS)
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(psycopg.connect(url, prepare_threshold=None))
            for _ in range(PgBouncer.SESSIONS)
        ]
        return {tuple(stranger.execute(shown).fetchone() or ()) for stranger in strangers}


def test_a_setting_holds_for_a_transaction_and_is_left_to_nobody(pooled: Database, pooled_url: str) -> None:
    before = settings_of_all_sessions(pooled_url)
    assert len(before) == 1
    asked = text("SELECT current_setting('lock_timeout')")
    with ExitStack() as stack:  # each in a session of its own
        ways = [pooled.begin, pooled.read, pooled.begin]
        found = [stack.enter_context(way()).execute(asked).scalar_one() for way in ways]
    assert found == [f"{LOCK_TIMEOUT}ms"] * 3
    direct = pooled.direct()
    checked = f"SELECT 1 WHERE current_setting('lock_timeout') = '{LOCK_TIMEOUT}ms'"
    assert [direct.run([(checked, None)], CHANGED) for _ in range(2)] == [[1], [1]]
    direct.close()
    assert settings_of_all_sessions(pooled_url) == before


def test_a_server_that_is_spoken_to_itself_is_set_once_for_each_connection(postgres_url: str) -> None:
    database = Database(postgres_url, busy_timeout=LOCK_TIMEOUT)
    with database.begin() as connection:
        assert EACH_TRANSACTION not in connection.info
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == f"{LOCK_TIMEOUT}ms"
    database.dispose()


def test_a_statement_is_never_taken_for_another_one(pooled_url: str) -> None:
    """Drivers number what they prepare: the first of each process has the same name."""

    def ask(number: int) -> None:
        database = Database(pooled_url)
        asked = Statement(select(literal_column(str(number)), bindparam("given", type_=String)))
        for turn in range(30):
            with database.begin() as connection:
                assert asked.one(connection, given=f"{turn}") == (number, f"{turn}")
        database.dispose()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(ask, range(6)))


def test_all_mail_goes_once_through_it(pooled_url: str, valkey: Valkey, tmp_path: Path) -> None:
    with System(tmp_path, pooled_url, valkey.url) as system:
        system.start_workers(2)
        bulk = system.accept(MAILS).mailing_id
        urgent = [system.accept([f"one{number}@mail.example"]).mailing_id for number in range(20)]
        for mailing_id in (bulk, *urgent):
            system.wait_until_over(mailing_id, 60)
        assert system.counted(bulk) == {"sent": MAILS}
        arrived = Counter(message.recipient for message in system.sink.messages())
        assert len(arrived) == MAILS + 20 and set(arrived.values()) == {1}
        assert "away" not in system.log and "Statement" not in system.log


def test_a_pooler_that_allows_no_transaction_is_told_of(_postgres: Postgres, pooler: PgBouncer) -> None:
    by_statement = PgBouncer(_postgres, "statement")
    database = Database(by_statement.url("postgres"))
    try:
        with pytest.raises(LEDGER_AWAY) as refused, database.begin():
            pass
        assert "set its pool_mode to transaction or session" in (what_to_do(refused.value) or "")
    finally:
        database.dispose()
        by_statement.stop()


def test_sessions_of_our_own_through_a_pooler_work_as_well(
    _postgres: Postgres, pooler: PgBouncer, postgres_url: str
) -> None:
    by_session = PgBouncer(_postgres, "session")
    database = Database(by_session.url(postgres_url.partition("@/")[2].partition("?")[0]))
    try:
        with database.begin() as connection:
            assert EACH_TRANSACTION in connection.info
    finally:
        database.dispose()
        by_session.stop()


def test_a_backup_or_a_restore_through_it_is_refused_before_it_leaves_anything(
    pooled_url: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{postgres.programs()}")
    save(postgres_url, tmp_path / "direct")
    before = settings_of_all_sessions(pooled_url)
    with pytest.raises(BackupFailed, match="leads through a connection pooler"):
        save(pooled_url, tmp_path / "backup")
    with pytest.raises(BackupFailed, match="give it the server's own address"):
        restore(pooled_url, tmp_path / "direct", tmp_path / "kept", replace=True)
    assert settings_of_all_sessions(pooled_url) == before
    assert [path.name for path in tmp_path.iterdir()] == ["direct"]
