"""New ledgers for scenarios: made and dropped by one process, whichever may use them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from mailroom.ledger.migrate import upgrade
from tests import pgbouncer, postgres

KINDS = ("sqlite", "postgres", "pgbouncer")
"""pgbouncer: the same PostgreSQL, through a pooler in transaction mode."""


class Ledgers:
    """`with Ledgers(kinds) as ledgers:` the migrations run once, and every ledger is a copy."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = kinds
        self._folder = Path(tempfile.mkdtemp(prefix="mailroom-drills-"))
        self._server: postgres.Postgres | None = None
        self._pooler: pgbouncer.PgBouncer | None = None

    def __enter__(self) -> Ledgers:
        if "sqlite" in self.kinds:
            upgrade(_sqlite(self._folder))
        if {"postgres", "pgbouncer"} & set(self.kinds):
            self._server = postgres.Postgres()
            self._template = self._server.create()
            upgrade(self._server.url(self._template))
        if self._server is not None and "pgbouncer" in self.kinds:
            self._pooler = pgbouncer.PgBouncer(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pooler is not None:
            self._pooler.stop()
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, kind: str, folder: Path) -> str:
        """The URL of a new one; on SQLite it lives in `folder`, and goes with it."""
        if kind == "sqlite":
            for file in self._folder.iterdir():  # and its -wal, if there is one
                shutil.copy(file, folder)
            return _sqlite(folder)
        assert self._server is not None
        name = self._server.create(self._template)
        return self._pooler.url(name) if self._pooler and kind == "pgbouncer" else self._server.url(name)

    def drop(self, url: str) -> None:
        if self._server is not None and (name := _name(url)):
            self._server.drop(name)


def _name(url: str) -> str | None:
    parsed = make_url(url)
    return parsed.database if parsed.get_backend_name() == "postgresql" else None


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'mailroom.db'}"
