"""A home on a disk that locks no files, as some NFS: each try fails, and none costs the worker a file."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

import pytest

from mailroom.database.engine import Database
from mailroom.engine.mailbox_watch import WATCH_LOCK, MailboxWatch
from mailroom.settings import load


def opened(name: str) -> int:
    """How often this process has a file of that name open."""
    number = 0
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            number += handle.readlink().name == name
    return number


def test_no_file_is_left_open(
    sqlite_url: str, settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_url)
    place = {
        "MAILROOM_BOUNCE_MAILBOX": "imap://ann@127.0.0.1:1/INBOX",
        "MAILROOM_BOUNCE_ADDRESS": "bounces@mail.example",
        "MAILROOM_BOUNCE_PASSWORD": "secret",
    }
    watch = MailboxWatch(database, load({**settings_env, **place}))

    def locks_nothing(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", locks_nothing)
    for _ in range(10):
        with pytest.raises(OSError):
            watch._watch_if_nobody_does()
    assert opened(WATCH_LOCK) == 0
    database.dispose()
