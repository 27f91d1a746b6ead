"""New ledgers for scenarios: made and dropped by one process, whichever may use them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mailroom.ledger.migrate import upgrade
from tests import postgres

DATABASES = ("sqlite", "postgres")


class Ledgers:
    """`with Ledgers(kinds) as ledgers:` the migrations run once, and every ledger is a copy."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = kinds
        self._folder = Path(tempfile.mkdtemp(prefix="mailroom-drills-"))
        self._server: postgres.Postgres | None = None

    def __enter__(self) -> Ledgers:
        if "sqlite" in self.kinds:
            upgrade(_sqlite(self._folder))
        if "postgres" in self.kinds:
            self._server = postgres.Postgres()
            self._template = self._server.create()
            upgrade(self._server.url(self._template))
        return self

    def __exit__(self, *_: object) -> None:
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
        return self._server.url(self._server.create(self._template))

    def drop(self, url: str) -> None:
        if self._server is not None and url.startswith("postgresql:"):
            self._server.drop(url.partition("@/")[2].partition("?")[0])


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'mailroom.db'}"
