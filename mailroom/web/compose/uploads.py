"""Files of a form that could not be accepted yet: kept here, as a browser cannot send them again.

MAILROOM_HOME/uploads/<user>/<token>        the file's bytes
MAILROOM_HOME/uploads/<user>/<token>.json   its name and type
MAILROOM_HOME/uploads/<user>/<token>.*      what others keep beside it: it counts, and goes, with the file
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailroom import files

UPLOAD_KEPT_SECONDS = 24 * 3600

MOST_UPLOADS, MOST_UPLOADED = 200, 1 << 30
"""Files and octets that are kept for one person; the oldest go first."""

_TOKEN = re.compile(r"[0-9a-f]{32}").fullmatch


@dataclass(frozen=True, slots=True)
class Upload:
    """One file, found again by its token."""

    token: str
    filename: str
    content_type: str
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        return self.path.open("rb")


class Uploads:
    """The kept files of one user, or of a program. Nobody else's can be named."""

    def __init__(self, home: Path, owner: int | str) -> None:
        self._home, self._owner = home, owner

    @property
    def _all(self) -> Path:
        return self._home / "uploads"

    @property
    def _mine(self) -> Path:
        return self._all / str(self._owner)

    def keep(self, filename: str, content_type: str, data: Iterable[bytes], token: str = "") -> Upload:
        """Writes `data`; clears away what is older than a day, of everybody, and what is too much of mine.

        `token`: of a file that was here before.
        """
        self._sweep()
        self._make_room()
        for folder in (self._all, self._mine):
            files.make_folder(folder)
        token = token or secrets.token_hex(16)
        about = {"filename": filename, "content_type": content_type}
        for name in (token, f"{token}.json"):
            files.create(self._mine / name)
        with (self._mine / token).open("wb") as target:
            target.writelines(data)
        (self._mine / f"{token}.json").write_text(json.dumps(about), encoding="utf-8")
        return Upload(token, filename, content_type, self._mine / token)

    def find(self, token: str) -> Upload | None:
        """None when it is not there any more, or never was."""
        path = self._mine / token
        if not _TOKEN(token) or not path.is_file():
            return None
        try:
            about = json.loads((self._mine / f"{token}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Upload(token, about["filename"], about["content_type"], path)

    def drop(self, files: Iterable[Upload]) -> None:
        for file in files:
            self._remove(file.token)

    def _remove(self, token: str) -> None:
        for path in self._mine.glob(f"{token}*"):
            path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        sizes, since = Counter[str](), dict[str, float]()
        for path in self._mine.glob("*"):
            with suppress(FileNotFoundError):  # another request dropped it
                token, found = path.name.partition(".")[0], path.stat()
                sizes[token] += found.st_size
                since[token] = min(found.st_mtime, since.get(token, found.st_mtime))
        oldest_first, total = sorted(since, key=since.__getitem__), sizes.total()
        while oldest_first and (len(oldest_first) >= MOST_UPLOADS or total > MOST_UPLOADED):
            token = oldest_first.pop(0)
            total -= sizes[token]
            self._remove(token)

    def _sweep(self) -> None:
        oldest = time.time() - UPLOAD_KEPT_SECONDS
        for path in self._all.glob("*/*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue  # another request swept it
