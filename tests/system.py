"""A whole Mailroom for a test or a drill: ledger, Valkey, worker processes, and a sink for its mail."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from sqlalchemy import func, select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State
from mailroom.queue import Queue
from tests.servers import growing_pauses
from tests.warm_processes import WarmProcess, start_python
from tests.warm_sink import WarmSink

ROOT = Path(__file__).parents[1]
SENDER = Address("post@mailroom.example", "Mailroom")
Pool = WarmProcess | subprocess.Popen[bytes]


def processes() -> Iterator[tuple[int, int]]:
    """(pid, its parent's) of every process that lives."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield int(entry.name), int(parent)


def kill_below(pid: int) -> None:
    """kill -9 of all that a process started, which waits for it meanwhile. It must adopt its orphans."""
    while below := _below(pid):
        for one in below:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        time.sleep(0.01)


def _below(pid: int) -> list[int]:
    parents = dict(processes())
    found, newest = list[int](), {pid}
    while newest := {child for child, parent in parents.items() if parent in newest}:
        found += newest
    return found


class System:
    """`with System(...) as system:` starts the sink; workers are started when asked for."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis_url: str,
        rules: Iterable[str] = (),
        *sink_options: str,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.database = Database(database_url)
        self.queue = Queue(redis_url)
        self.sink = WarmSink(folder / "sink", rules, *sink_options)
        self.pools: list[Pool] = []
        self.before_workers: list[str] = []
        """What their command begins with: with a command they are started, not forked."""
        self._environment = {
            "SECRET_KEY": "a secret for tests only",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MAIL_SERVER": "127.0.0.1",
            "MAILROOM_HOME": str(folder),
            **environment,
        }

    def __enter__(self) -> System:
        self.sink.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            with suppress(ProcessLookupError):  # its workers may have outlived it
                os.killpg(pool.pid, signal.SIGKILL)
            pool.wait(10)
        self.sink.stop()
        self.queue.close()
        self.database.dispose()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self._environment, "MAIL_PORT": str(self.sink.port)}

    def start_workers(
        self, number: int = 1, *queues: str, lease: float | None = None, **environment: str
    ) -> Pool:
        """A pool in a process group of its own; its log goes to `workers.log`.

        `lease`: seconds, in place of half a minute; all other waits are as much shorter.
        """
        program = ["worker.py"] if lease is None else ["-m", "tests.hasty_worker", str(lease)]
        pool = self._start([*program, "--workers", str(number), *queues], {**self.environment, **environment})
        self.pools.append(pool)
        return pool

    def _start(self, words: list[str], environment: dict[str, str]) -> Pool:
        return start_python(words, environment, self.folder / "workers.log", self.before_workers)

    def workers(self, pool: Pool | None = None) -> list[int]:
        """The process ids of the workers that live now, of one pool or all."""
        pools = {one.pid for one in ([pool] if pool else self.pools)}
        return [pid for pid, parent in processes() if parent in pools]

    def processes(self) -> list[int]:
        """What a mail goes through here: the workers, the sink, Valkey, PostgreSQL if that is the ledger."""
        pools, servers = {pool.pid for pool in self.pools}, self._servers
        below = [pid for pid, parent in processes() if parent in pools or parent in servers]
        return [*below, *servers, *([self.sink.pid] if self.sink.pid else [])]

    @cached_property
    def _servers(self) -> set[int]:
        found = {int(self.queue.redis.info("server")["process_id"])}
        if not self.database.is_sqlite:
            with self.database.read() as connection:
                folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
            found.add(int(Path(folder, "postmaster.pid").read_text().split()[0]))
        return found

    @property
    def log(self) -> str:
        path = self.folder / "workers.log"
        return path.read_text() if path.exists() else ""

    def accept(self, count: int | Iterable[str], *, sender: Address = SENDER, **options: object) -> Accepted:
        """Accepts a small mailing to `count` people, or to these addresses."""
        addresses = (
            [f"person{number}@mail.example" for number in range(count)] if isinstance(count, int) else count
        )
        content = Content(sender, "Hello {{ name }}", text="Hello {{ name }}, this is for you.")
        recipients = [Recipient(address, f"Person {address}") for address in addresses]
        return accept(self.database, self.queue, Submission(content, recipients, **options))  # type: ignore[arg-type]

    def counts(self, mailing_id: int) -> dict[str, int]:
        """State -> number as the pages see it, states with none left out."""
        mailing = self.mailing(mailing_id)
        return {state: number for state, number in mailing.counts.items() if number}

    def counted(self, mailing_id: int) -> dict[str, int]:
        """State -> number, counted row by row: what the counters must agree with."""
        statement = (
            select(deliveries.c.state, func.count())
            .where(deliveries.c.mailing_id == mailing_id)
            .group_by(deliveries.c.state)
        )
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def mailing(self, mailing_id: int) -> mailings.Mailing:
        with self.database.read() as connection:
            mailing = mailings.get(connection, mailing_id)
        assert mailing is not None
        return mailing

    def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        deadline, pauses = time.monotonic() + seconds, growing_pauses()
        while not condition():
            assert time.monotonic() < deadline, (
                f"waited {seconds} s in vain; the workers said:\n{self.log[-4000:]}"
            )
            time.sleep(next(pauses))

    def wait_until_none_is_sent(self, seconds: float = 20) -> None:
        """After a pause or a cancel: what was at its final dot has arrived, however long that took."""
        time.sleep(0.2)  # a mark may be written at the same moment as they are
        statement = select(func.count()).where(deliveries.c.state == State.SENDING)

        def is_none() -> bool:
            with self.database.read() as connection:
                return connection.execute(statement).scalar_one() == 0

        self.wait(is_none, seconds)

    def wait_until_over(self, mailing_id: int, seconds: float = 20) -> mailings.Mailing:
        self.wait(lambda: self.mailing(mailing_id).is_over, seconds)
        return self.mailing(mailing_id)
