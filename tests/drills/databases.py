"""The ledger is locked, its disk is full, its clock is set: faults 11, 12 and 19."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.ledger.schema import sweeper
from tests.drills.drill import drill
from tests.drills.stage import Stage


@drill(
    "11",
    "the database locked for 30 s",
    without="`call_later(LEDGER_RETRY, self._write)` in `Recorder`: the outcomes of what was being sent are "
    "lost, and it is sent twice",
)
def the_database_is_locked(stage: Stage) -> None:
    if stage.full:
        stage.lease = None
    stage.build("any: delay dot 0.02")
    stage.accept(stage.size(300, 3_000))
    stage.start_workers()
    stage.arrived(0.1)
    with stage.locked():
        time.sleep((stage.lease or 30) * 1.3)
    stage.wait_until_over(90)
    stage.all_sent()


@drill(
    "12",
    "the disk full",
    without="`except Exception` in `Recorder._write`: outcomes that cannot be written are lost",
)
def the_disk_is_full(stage: Stage) -> None:
    with _small_disk(stage) as disk:
        stage.build("any: delay dot 0.02")
        stage.accept(stage.size(300, 3_000))
        stage.start_workers()
        stage.arrived(0.2)
        if disk is not None:
            _fill(stage, disk)
        else:
            _forbid_writing(stage)
        stage.wait_until_over()
        stage.all_sent()


def _fill(stage: Stage, disk: Path) -> None:
    """Nothing is left on the disk: what was answered is there all the same, and goes out."""
    stage.how = "a disk without room"
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    # SQLite still has room inside its files; a megabyte with each mailing uses that up.
    large = [("ballast", "x" * 1_000_000)]
    for _ in range(20):
        accepted = stage.accepted
        try:
            stage.accept(5, tags=large)
        except DBAPIError:
            stage.accepted = accepted
            break
    else:
        pytest.fail("the disk is not full")
    time.sleep(stage.size(2, 10))
    ballast.unlink()


def _forbid_writing(stage: Stage) -> None:
    sqlite = stage.system.database.is_sqlite
    stage.how = "no file may grow" if sqlite else "only reading allowed"
    with (_full_sqlite if sqlite else _full_postgres)(stage):
        accepted = stage.accepted
        with pytest.raises(DBAPIError):
            stage.accept(20)
        stage.accepted = accepted
        before = _level(stage)
        time.sleep(stage.size(2, 10))
        assert stage.system.sink.count() <= before, "sending goes on, although nothing can be marked"


def _level(stage: Stage) -> int:
    """How many mails have arrived, once what was at its final dot has, which no state tells here."""
    counts = [-1]

    def is_level() -> bool:
        time.sleep(0.5)
        counts.append(stage.system.sink.count())
        return counts[-1] == counts[-2]

    stage.system.wait(is_level)
    return counts[-1]


@contextmanager
def _small_disk(stage: Stage) -> Iterator[Path | None]:
    """SQLite's ledger on a disk of its own, where this machine lets us make one (root, on Linux).

    At the end it is back in its place, for those who look at it then.
    """
    disk = stage.folder / "disk"
    ledger = Path(stage.database_url.removeprefix("sqlite:///"))
    disk.mkdir()
    if not stage.database_url.startswith("sqlite") or not _mounted(disk):
        yield None
        return
    try:
        for file in ledger.parent.glob(f"{ledger.name}*"):
            shutil.move(file, disk)
        before, stage.database_url = stage.database_url, f"sqlite:///{disk / ledger.name}"
        yield disk
    finally:
        stage.stop_workers()
        stage.system.database.dispose()
        for file in disk.glob(f"{ledger.name}*"):
            shutil.move(file, ledger.parent)
        stage.database_url, stage.system.database = before, Database(before)
        subprocess.run(["umount", "--lazy", disk], check=True)


def _mounted(folder: Path) -> bool:
    mount = shutil.which("mount")
    words = [mount, "-t", "tmpfs", "-o", "size=32m", "mailroom-drill", str(folder)] if mount else ["false"]
    return subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0


@contextmanager
def _full_sqlite(stage: Stage) -> Iterator[None]:
    """No file may grow any more, for the workers and for us: a small disk for those who may not mount one."""
    ledger = Path(stage.database_url.removeprefix("sqlite:///"))
    size = min(path.stat().st_size for path in ledger.parent.glob(f"{ledger.name}*") if path.stat().st_size)
    pids = [0, *stage.system.workers()]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    try:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(size, 32_768), before[pid][1]))
        yield
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before[pid])


@contextmanager
def _full_postgres(stage: Stage) -> Iterator[None]:
    """What those who run PostgreSQL for others do when its disk is full: it may only be read."""
    name = stage.database_url.partition("@/")[2].partition("?")[0]
    admin = Database(stage.database_url.replace(f"@/{name}", "@/postgres"))
    end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"

    def execute(*statements: str) -> None:
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))

    try:
        execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on", end_all)
        yield
    finally:
        execute(f"ALTER DATABASE {name} RESET default_transaction_read_only", end_all)
        admin.dispose()


HOUR = 3_600_000


def _set_clock(stage: Stage, by_ms: int) -> None:
    """Sets the database's clock.

    The ledger has no other clock, so this is the same as to move every time in it, all of
    them in one transaction, the other way.
    """
    moved = {
        "batches": ("lease_until", "enqueued_at"),
        "deliveries": ("due_at", "marked_at", "updated_at"),
        "mailings": ("created_at", "expires_at", "next_due_at", "started_at"),
        "sweeper": ("swept_at",),
        "uptimes": ("at",),
    }
    stage.execute(
        *(
            f"UPDATE {table} SET " + ", ".join(f"{name} = {name} - {by_ms}" for name in names)
            for table, names in moved.items()
        )
    )


def _was_swept(stage: Stage) -> bool:
    """Whether there was a round by the clock as it is now."""
    with stage.system.database.read() as connection:
        swept_at = connection.execute(select(sweeper.c.swept_at)).scalar_one_or_none()
        now = connection.execute(select(now_millis())).scalar_one()
    return bool(swept_at is not None and abs(now - swept_at) < 60_000)


@drill(
    "19",
    "the clock jumps an hour, both ways",
    without="`clock_jump.set_back()` in `rounds.take`: what is due waits for an hour, and so does the "
    "sweeper",
)
def the_clock_is_set(stage: Stage) -> None:
    stage.build("any: delay dot 0.02", "every 20: reply rcpt 450 4.2.0 Later", MAILROOM_BACKOFF="2s")
    stage.accept(stage.size(500, 3_000))
    stage.start_workers()
    stage.system.wait(lambda: _was_swept(stage))
    for by in (HOUR, -HOUR):
        stage.system.sink.wait(stage.system.sink.count() + 60, 30)
        stage.kill()
        _set_clock(stage, by)
        stage.system.wait(lambda: _was_swept(stage))
        stage.accept(50)
    stage.wait_until_over()
    stage.all_sent()
