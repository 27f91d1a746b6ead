"""Files and folders for this user alone: what Mailroom writes holds people's addresses, letters and keys.

How many of them may be open; and their names, which are UTF-8 whatever the locale says.
"""

from __future__ import annotations

import io
import logging
import os
import resource
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger(__name__)


class NoTemporaryRoom(OSError):
    """A temporary file cannot be made or written; `str()` says what to do, and `__cause__` why."""

    def __init__(self) -> None:
        super().__init__(
            "Temporary files cannot be written: make room on the disk of MAILROOM_HOME, or of TMPDIR where "
            "MAILROOM_HOME cannot be written."
        )


@contextmanager
def temporary_room() -> Iterator[None]:
    """Around what makes and writes a temporary file, and nothing else. Raises NoTemporaryRoom."""
    try:
        yield
    except OSError as error:
        raise NoTemporaryRoom from error


def temporary_file() -> IO[bytes]:
    """One without a name, and without a buffer: nothing is left to be written when it is read, or closed.
    Raises NoTemporaryRoom.
    """
    with temporary_room():
        return tempfile.TemporaryFile(buffering=0)


def write_temporary(file: IO[bytes], octets: bytes | bytearray) -> None:
    """All of them, to a file without a buffer, which takes what it has room for. Raises NoTemporaryRoom."""
    with temporary_room():
        while octets:
            octets = octets[file.write(octets) :]


class SharedFile(io.FileIO):
    """A `temporary_file` of which many have a part: it goes with the last of them, who need not close it."""

    is_lost = False
    """Whether some of it could not be read any more."""

    def __del__(self) -> None:
        self.close()


def shared_file() -> SharedFile:
    """Raises NoTemporaryRoom."""
    with temporary_file() as file, temporary_room():
        return SharedFile(os.dup(file.fileno()), "r+b")


class OctetsOnDisk:
    """A part of a shared file. Threads may read it at once."""

    __slots__ = ("_at", "_file", "_size")

    def __init__(self, file: SharedFile, at: int, size: int) -> None:
        self._file, self._at, self._size = file, at, size

    def __len__(self) -> int:
        return self._size

    def slices(self, size: int) -> Iterator[bytes]:
        """All of it, `size` octets at a time. Raises OSError: then the file is lost."""
        at, end = self._at, self._at + self._size
        while at < end:
            piece = self._read(min(size, end - at), at)
            at += len(piece)
            yield piece

    def _read(self, size: int, at: int) -> bytes:
        try:
            if piece := os.pread(self._file.fileno(), size, at):
                return piece
            raise OSError("a temporary file is shorter than it was")
        except OSError:
            self._file.is_lost = True
            raise


def put_on_disk(file: SharedFile, octets: bytes) -> OctetsOnDisk:
    """At the end of it. Raises NoTemporaryRoom, and leaves nothing of it there then."""
    at = file.seek(0, os.SEEK_END)
    try:
        write_temporary(file, octets)
    except NoTemporaryRoom:
        file.truncate(at)
        raise
    return OctetsOnDisk(file, at, len(octets))


def free_beside(file: IO[bytes]) -> int:
    """Octets for which the disk of a temporary file has room."""
    disk = os.fstatvfs(file.fileno())
    return disk.f_bavail * disk.f_frsize


def places_for(wanted: int) -> int:
    """How many files this process may have open: as many as wanted, if the hard limit lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            return more
    return wanted if soft == resource.RLIM_INFINITY else soft


def open_standard_streams() -> None:
    """For a program of ours, at its start: one that was started without stdout has /dev/null there.

    Else the next file that it opens, which may be the ledger, has that number, and gets whatever is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(null, True)
            setattr(sys, name, os.fdopen(null, "w" if number else "r", encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def speak_utf8() -> None:
    """Python's UTF-8 mode (PEP 540), for a program of ours, at its start.

    It can only be had from the start, so the program is begun anew, once. Its children inherit it.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def keep_private() -> None:
    """For a program of ours, at its start: what it and its children make is nobody else's."""
    os.umask(GROUP_AND_OTHERS)


def keep_temporary_in(folder: Path) -> Path:
    """TMPDIR of this process and its children: what anybody in it makes without a name is made in `folder`.

    Where that cannot be written, it stays as it is; the folder is returned. Raises OSError for none at all.
    """
    try:
        try_to_write(folder)
    except OSError as error:
        with suppress(FileNotFoundError):
            log.warning("%s cannot be written (%s)", folder, error.strerror)
            return Path(tempfile.gettempdir())
        raise
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    return folder


def try_to_write(folder: Path) -> None:
    """Makes it, when it is missing, and a file in it. Raises OSError."""
    make_folder(folder)
    tempfile.TemporaryFile(dir=folder).close()


def make_folder(path: Path) -> None:
    """The folder and those above it that are missing; one that others could open is closed to them."""
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    close_to_others(path)


def create(path: Path) -> None:
    """An empty file, unless it is there; one that others could open is closed to them."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        close_to_others(path)


def write_new(path: Path, text: str) -> None:
    """A file that is not there yet. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def flush(path: Path) -> None:
    """The file, or the names in a folder, onto the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def close_to_others(path: Path) -> None:
    """Takes away the rights of group and others, and says so; or says who has to, when it is not ours."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    if not mode & GROUP_AND_OTHERS:
        return
    try:
        path.chmod(mode & ~GROUP_AND_OTHERS)
    except OSError as error:
        log.warning("%s is open to other users (%o), and stays so: %s", path, mode, error.strerror)
    else:
        log.warning("%s was open to other users (%o): it is closed now", path, mode)
