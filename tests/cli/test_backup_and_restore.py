"""The ledger in a file and back: whole while mail flows, not over one in use, held until somebody lets go."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from click.testing import Result
from flask import Flask
from sqlalchemy import func, make_url, select

from app import create_app
from mailroom.database.engine import Database
from mailroom.ledger import holding, migrate
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import deliveries, sweeper
from mailroom.ledger.states import State
from mailroom.settings import load
from tests import postgres
from tests.invariants import counters_agree
from tests.servers import Valkey
from tests.system import System

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{postgres.programs()}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def system(tmp_path: Path, database_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, database_url, valkey.url) as system:
        yield system


@pytest.fixture
def run(settings_env: dict[str, str], database_url: str) -> Run:
    """A flask command on a ledger, this test's or another."""

    def invoked(*words: str, on: str = database_url) -> Result:
        app: Flask = create_app(load({**settings_env, "DATABASE_URL": on}))
        done = app.test_cli_runner().invoke(args=list(words))
        app.extensions["mailroom"].database.dispose()
        return done

    return invoked


def test_a_backup_is_one_moment_of_a_ledger_in_which_mail_flows(
    system: System, run: Run, tmp_path: Path
) -> None:
    file, is_over = tmp_path / "ledger.backup", threading.Event()

    def submit() -> None:
        while not is_over.is_set():
            system.accept(130)

    system.start_workers(2)
    writer = threading.Thread(target=submit)
    writer.start()
    try:
        system.sink.wait(200, 30)
        done = run("backup", str(file))
    finally:
        is_over.set()
        writer.join()
    assert done.exit_code == 0 and "checked" in done.output, done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*ledger.backup*")] == [file.name]
    stop(system)

    done = run("restore", str(file), "--replace")
    assert done.exit_code == 0 and "Sending is held" in done.output, done.output
    with system.database.read() as connection:
        found = mailings.page(connection, limit=10_000)
        rows = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
        assert holding.present(connection) is not None
    assert found and rows == sum(mailing.total for mailing in found)
    counters_agree(system.database)
    assert "flask reconcile" in done.output
    accepted = system.accept(3)
    assert accepted.mailing_id > found[0].id + 1_000_000, "what was given after the backup is not given again"
    with system.database.read() as connection:
        assert connection.execute(select(func.max(deliveries.c.id))).scalar_one() > 10_000_000


def test_a_restored_ledger_mails_nobody_until_somebody_lets_go(
    system: System, run: Run, tmp_path: Path
) -> None:
    accepted = system.accept(30)
    assert run("backup", str(tmp_path / "file")).exit_code == 0
    system.database.dispose()
    assert run("restore", str(tmp_path / "file"), "--replace").exit_code == 0
    system.start_workers(1)
    system.wait(lambda: "sending is held" in system.log)
    later = system.accept(5)
    began = swept_at(system)
    system.wait(lambda: swept_at(system) > began + 2_000)
    assert system.sink.count() == 0 and not system.mailing(later.mailing_id).counts[State.SENT]
    assert run("release").output == "Sending goes on within seconds.\n"
    for mailing_id in (accepted.mailing_id, later.mailing_id):
        system.wait_until_over(mailing_id)
    assert system.sink.count() == 35


def swept_at(system: System) -> int:
    with system.database.read() as connection:
        return connection.execute(select(sweeper.c.swept_at)).scalar() or 0


@pytest.mark.parametrize("revision", ["0008", "0010"])
def test_an_older_backup_is_brought_up_to_date_and_held_as_well(
    run: Run, database: Database, tmp_path: Path, revision: str
) -> None:
    command.downgrade(migrate.alembic_config(database.url), revision)
    database.dispose()
    assert run("backup", str(tmp_path / "file")).exit_code == 0
    done = run("restore", str(tmp_path / "file"))
    assert done.exit_code == 0, done.output
    assert migrate.misfit_of(database) is None
    with database.read() as connection:
        found = holding.present(connection)
    assert found and found.reason == holding.AFTER_RESTORE


def test_what_was_there_is_kept(system: System, run: Run, tmp_path: Path) -> None:
    assert run("backup", str(tmp_path / "file")).exit_code == 0
    accepted = system.accept(3)
    system.database.dispose()
    refused = run("restore", str(tmp_path / "file"))
    assert refused.exit_code == 1 and "add --replace" in refused.output
    done = run("restore", str(tmp_path / "file"), "--replace")
    kept = done.output.partition("is kept in ")[2].partition(".\n")[0]
    assert stat.S_IMODE(Path(kept).stat().st_mode) == 0o600
    with system.database.read() as connection:
        assert mailings.page(connection) == []
    system.database.dispose()
    assert run("restore", kept, "--replace").exit_code == 0
    assert system.mailing(accepted.mailing_id).total == 3


@pytest.mark.parametrize("damaged", [range(100), range(100, 4096), range(4096 * 60)])
def test_a_damaged_ledger_makes_room_for_a_backup(
    run: Run, sqlite_url: str, tmp_path: Path, damaged: range
) -> None:
    file, ledger = tmp_path / "file", Path(str(make_url(sqlite_url).database))
    assert run("backup", str(file), on=sqlite_url).exit_code == 0
    data = bytearray(ledger.read_bytes())
    for place in damaged:
        data[place] ^= 0xA5
    ledger.write_bytes(data)
    log = ledger.with_name(f"{ledger.name}-wal")
    log.write_bytes(b"what was committed last")

    refused = run("restore", str(file), on=sqlite_url)
    assert refused.exit_code == 1 and refused.output.count("\n") == 1, refused.output
    assert "the ledger that is there is damaged (" in refused.output and "add --replace" in refused.output
    assert ledger.read_bytes() == data

    words = [sys.executable, "-c", SHARES_A_LOCK, str(ledger)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        refused = run("restore", str(file), "--replace", on=sqlite_url)
        assert refused.exit_code == 1 and "the ledger is in use" in refused.output

    done = run("restore", str(file), "--replace", on=sqlite_url)
    assert done.exit_code == 0, done.output
    kept = Path(done.output.partition("is kept in ")[2].partition(".\n")[0])
    assert kept.read_bytes() == data
    assert not log.exists(), "it would be taken for the new one's"
    assert run("users", "list", on=sqlite_url).exit_code == 0


SHARES_A_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_SH, 510, 0x40000002)  # as SQLite does while it has a file open in WAL mode
print("shared", flush=True)
sys.stdin.read()
"""


def test_a_ledger_in_use_is_left_alone(run: Run, database: Database, tmp_path: Path) -> None:
    assert run("backup", str(tmp_path / "file")).exit_code == 0
    with database.read() as connection:
        connection.execute(select(deliveries.c.id)).all()
    refused = run("restore", str(tmp_path / "file"))
    assert refused.exit_code == 1 and "the ledger is in use (1 connection)" in refused.output
    database.dispose()
    assert run("restore", str(tmp_path / "file")).exit_code == 0


def test_a_ledger_with_its_log_beside_it_is_no_backup(run: Run, sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "copied.db"
    assert run("backup", str(file), on=sqlite_url).exit_code == 0
    (tmp_path / "copied.db-wal").write_bytes(b"what was committed last")
    refused = run("restore", str(file), on=sqlite_url)
    assert refused.exit_code == 1 and "use flask backup" in refused.output


def test_no_file_is_overwritten(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("something")
    refused = run("backup", str(file))
    assert refused.exit_code == 1 and "is there already" in refused.output
    assert file.read_text() == "something"


@pytest.mark.parametrize("damage", ["cut", "changed", "another kind", "empty", "none"])
def test_a_file_that_is_no_good_backup_is_refused(
    run: Run, database: Database, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "file"
    assert run("backup", str(file)).exit_code == 0
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    if damage == "changed":
        data[middle - 4096 : middle + 4096] = b"\xa5" * 8192
    made: dict[str, bytes] = {"cut": bytes(data[:middle]), "another kind": b"PK\x03\x04" + data, "empty": b""}
    file.write_bytes(made.get(damage, data))
    if damage == "none":
        file.unlink()
    refused = run("restore", str(file))
    assert refused.exit_code == 1 and refused.output.startswith("Error: Not restored: "), refused.output
    assert len(refused.output.splitlines()) == 1
    assert migrate.misfit_of(database) is None
    with database.read() as connection:
        assert holding.present(connection) is None


def test_a_backup_of_a_newer_mailroom_is_refused(run: Run, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "file"
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    refused = run("backup", str(file))
    assert refused.exit_code == 1 and "newer Mailroom (at 9999)" in refused.output
    assert list(tmp_path.glob("*file*")) == []


def test_without_postgresql_s_programs_it_says_what_to_install(
    settings_env: dict[str, str], postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(load({**settings_env, "DATABASE_URL": postgres_url}))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "file")])
    assert done.exit_code == 1 and "pg_dump is not installed here: install PostgreSQL's client" in done.output


def stop(system: System) -> None:
    for pool in system.pools:
        pool.terminate()
        pool.wait(20)
    system.database.dispose()
