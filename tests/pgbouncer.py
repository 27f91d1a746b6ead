"""A real PgBouncer for tests, before the tests' PostgreSQL: Debian's package, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.ports import own_port
from tests.postgres import RUN_AS, Postgres
from tests.servers import wait_until

NO_PGBOUNCER = "PgBouncer is missing; on Debian and Ubuntu: apt-get install pgbouncer"


def program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


class PgBouncer:
    """In transaction mode, with so few sessions that all who come share them."""

    SESSIONS = 3

    def __init__(self, postgres: Postgres, mode: str = "transaction") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-pgbouncer-", dir="/tmp"))
        self.port = own_port()
        config = self.folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={postgres.folder} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {mode}\ndefault_pool_size = {self.SESSIONS}\n"
            "max_client_conn = 200\nserver_login_retry = 1\n"
        )
        if RUN_AS:
            shutil.chown(self.folder, RUN_AS)
        self.start()

    def start(self) -> None:
        command = program()
        if command is None:
            raise RuntimeError(NO_PGBOUNCER)
        self.process = subprocess.Popen(
            [command, str(self.folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            cwd=self.folder,
            user=RUN_AS,
        )
        wait_until(self._answers, 10, "PgBouncer")

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text())
        try:
            psycopg.connect(self.url("postgres"), prepare_threshold=None).close()
        except psycopg.OperationalError:
            return False
        return True
