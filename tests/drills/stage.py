"""A system to be broken: a Valkey and a ledger of its own, workers, and a sink that counts."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import OperationalError

from mailroom.database.engine import Database
from mailroom.engine.accept.submission import Accepted
from mailroom.ledger import states
from tests.hasty_worker import LEASE
from tests.invariants import Account, check
from tests.servers import Valkey
from tests.system import Pool, System

SESSIONS = 2
"""SMTP sessions that a worker may open: what one kill may at most repeat."""

WORKERS = 2


class Stage:
    """One drill on one database. `full`: with thousands of mails, not some hundred."""

    def __init__(self, folder: Path, database_url: str, *, full: bool) -> None:
        self.folder, self.database_url, self.full = folder, database_url, full
        self.lease: float | None = LEASE
        self.how = ""  # the fault was made, where the machine decides
        self.kills = 0
        self.extra_at_most = 0
        self.accepted = 0
        self.mailings: list[int] = []
        self.valkey = Valkey(folder / "valkey", append_only=True)
        self._system: System | None = None
        self._parts = ExitStack()
        self._dice = random.Random()

    def __enter__(self) -> Stage:
        self.valkey.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._system.workers() if self._system else []:
            _signal(pid, signal.SIGKILL)
        if self._system is not None:
            self._system.__exit__()
        self._parts.close()
        self.valkey.kill()

    @property
    def system(self) -> System:
        return self._system or self.build()

    def build(self, *rules: str, sink: Iterable[str] = (), **environment: str) -> System:
        """The system, its sink started; before anything else, or it is built without rules."""
        assert self._system is None, "it is built already"
        environment = {"MAILROOM_CONNECTIONS": str(SESSIONS)} | environment
        self._system = System(
            self.folder, self.database_url, self.valkey.url, rules, *sink, **environment
        ).__enter__()
        return self._system

    def goes_with(self, end: Callable[[], object]) -> None:
        """What a drill started beside, and the count at the end still needs."""
        self._parts.callback(end)

    # Mail

    def size(self, short: int, full: int) -> int:
        return full if self.full else short

    def accept(self, count: int, **options: Any) -> Accepted:
        """A mailing to `count` people who get no other one."""
        first = self.accepted
        self.accepted += count
        people = (f"person{number}@mail.example" for number in range(first, first + count))
        accepted = self.system.accept(list(people), **options)
        self.mailings.append(accepted.mailing_id)
        return accepted

    def start_workers(self) -> Pool:
        return self.system.start_workers(WORKERS, lease=self.lease)

    def stop_workers(self) -> None:
        """All of them end in order."""
        for pool in self.system.pools:
            with suppress(ProcessLookupError):
                os.killpg(pool.pid, signal.SIGTERM)
            pool.wait(20)

    def arrived(self, share: float) -> None:
        """Waits until this share of all mail is in the sink."""
        self.system.sink.wait(int(share * self.accepted), 120)

    def rest(self, least: float = 0.1, most: float = 0.6) -> None:
        time.sleep(self._dice.uniform(least, most))

    # Faults

    def kill(self, pid: int | None = None) -> None:
        """kill -9 of one worker, whichever; at most one mail of each of its sessions may come twice."""
        if pid is None:
            self.system.wait(self.system.workers, 10)
            pid = self._dice.choice(self.system.workers())
        self._kill(pid)
        self.extra_at_most += SESSIONS

    def kill_a_holder(self) -> None:
        """kill -9 of a worker that has a batch, as soon as one has."""
        holders: list[int] = []

        def is_held() -> bool:
            with self.system.database.read() as connection:
                owners = connection.execute(text("SELECT owner FROM batches WHERE owner IS NOT NULL"))
                pids = {int(owner.split("-")[-2]) for (owner,) in owners}
            holders[:] = pids & set(self.system.workers())
            return bool(holders)

        self.system.wait(is_held, 20)
        self.rest()
        self.kill(holders[0])

    def kill_group(self, pool: Pool) -> None:
        """kill -9 of a pool and of all its workers at once."""
        os.killpg(pool.pid, signal.SIGKILL)
        pool.wait(10)
        self.kills += WORKERS
        self.extra_at_most += WORKERS * SESSIONS

    def kill_parent(self, pool: Pool) -> None:
        """kill -9 of a pool only. Its workers stop by themselves, so nothing may come twice."""
        self._kill(pool.pid)
        pool.wait(10)

    def _kill(self, pid: int) -> None:
        self.kills += 1
        _signal(pid, signal.SIGKILL)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody holds the ledger's lock, and nobody can write."""
        database = Database(self.database_url)
        with database.begin() as connection:
            if not database.is_sqlite:
                self.system.wait(lambda: _locks_all(connection))
            yield
        database.dispose()

    def execute(self, *statements: str) -> None:
        with self.system.database.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def value(self, statement: str) -> object:
        with self.system.database.read() as connection:
            return connection.execute(text(statement)).scalar_one()

    # The end

    @property
    def is_pooled(self) -> bool:
        """Whether the way to PostgreSQL leads through a pooler, which makes each transaction slower."""
        return make_url(self.database_url).port is not None  # PostgreSQL itself is on a socket

    def wait_until_over(self, seconds: float = 60) -> None:
        seconds *= 2 if self.is_pooled else 1
        for mailing_id in self.mailings:
            self.system.wait_until_over(mailing_id, seconds)
        self.system.wait(self._no_batch_is_left, seconds)

    def _no_batch_is_left(self) -> bool:
        return not self.value("SELECT count(*) FROM batches")

    def check(self) -> Account:
        """All invariants. That every mail is `sent` a drill says itself, where it must be so."""
        stills = [line for line in self.system.log.splitlines() if "the loop stood still" in line]
        assert not stills, stills  # where the drill had it watched
        messages = self.system.sink.messages()
        return check(self.system.database, messages, extra_at_most=self.extra_at_most, accepted=self.accepted)

    def all_sent(self) -> None:
        """Nobody was given up: every mail is known to be sent, or may have arrived."""
        found = self.check().by_state
        others = {state: number for state, number in found.items() if number and state != states.SENT}
        assert set(others) <= {states.UNKNOWN}, f"not all were sent: {dict(found)}"


def _locks_all(connection: Connection) -> bool:
    """False when a worker locks the same tables the other way about: PostgreSQL refuses one of the two."""
    try:
        with connection.begin_nested():
            connection.execute(text("LOCK TABLE batches, deliveries, mailings IN ACCESS EXCLUSIVE MODE"))
    except OperationalError as error:
        if isinstance(error.orig, DeadlockDetected):
            return False
        raise
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
