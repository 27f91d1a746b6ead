"""MAILROOM_HOME: the folder that holds all a local run writes, used by one run at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mailroom import files
from mailroom.settings import LOCAL_FILE, SettingsError

EARLIER_RUN_PATIENCE_SECONDS = 15.0  # seconds that an earlier run may take to end


def make(home: Path) -> None:
    """The folder, closed to everybody else: it holds keys and people's mail."""
    try:
        files.make_folder(home)
    except OSError as error:
        raise SettingsError(f"MAILROOM_HOME ({home}) cannot be used: {error.strerror}") from None


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """This run alone uses `home`. Yields the descriptor of a lock that its processes inherit.

    Two locks. start.lock is start.py's own: taken, another run is there. run.lock belongs
    to every process of a run, so that `home` stays locked until the last of them is gone,
    also when start.py was killed: two Valkeys must never write one file.
    """
    with _opened(home / "start.lock") as own, _opened(home / "run.lock") as shared:
        if not _try(own):
            owner = os.pread(own, 20, 0).decode()
            raise SettingsError(
                f"Mailroom is already running in {home} (process {owner}); "
                "for a second one choose another MAILROOM_HOME and PORT"
            )
        os.ftruncate(own, 0)
        os.pwrite(own, str(os.getpid()).encode(), 0)
        _wait_for(shared, home)
        yield shared


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(lock: int, home: Path) -> None:
    if _try(lock):
        return
    print(f"waiting for an earlier run in {home} to end", flush=True)
    deadline = time.monotonic() + EARLIER_RUN_PATIENCE_SECONDS
    while not _try(lock):
        if time.monotonic() > deadline:
            raise SettingsError(f"processes of an earlier run still use {home}: end them first")
        time.sleep(0.1)


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_local(home: Path, values: Mapping[str, str]) -> None:
    """The settings of this run for whoever works beside it: all of the file, or the old one."""
    unfinished = home / f".{LOCAL_FILE}.{secrets.token_hex(4)}"
    lines = ["# Written by start.py at every start. What works beside the run reads it."]
    lines += [f"{name}={value}" for name, value in values.items()]
    files.write_new(unfinished, "\n".join(lines) + "\n")
    unfinished.rename(home / LOCAL_FILE)
