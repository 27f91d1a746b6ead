"""Store: one database that can be copied into a file and made anew from one. All raise BackupFailed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

VERSION_TABLE = "alembic_version"

Prepare = Callable[[str, str | None], None]
"""Given the URL of what was put back, and its revision if that is not in there yet: makes it fit for use.

Until it is done nobody finds a ledger there that they would use."""


class Store(Protocol):
    def save(self, target: Path) -> None:
        """All of it, as it is at one moment, into the empty file `target`."""

    def check(self, source: Path) -> str | None:
        """Reads all of a backup; the revision that it is at, None when there is none in it."""

    def users(self) -> int:
        """How many others have the database open; 1, where they cannot be counted."""

    def replace(self, source: Path, revision: str | None, kept: Path, prepare: Prepare) -> Path | None:
        """Puts the backup in the place of what is there, and that into a file like `kept`: which, if any."""
