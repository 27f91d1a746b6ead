"""Of a large message a worker holds a little in memory; the rest waits in a file that nobody sees."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mailroom.engine.send import shelf
from mailroom.engine.send.shelf import Shelf
from mailroom.smtp.envelope import SharedLines

LINES = (b"x" * 76 + b"\r\n") * 1_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shelf, "SHELF_IN_MEMORY", 3 * len(LINES))
    return tmp_path


def is_in_memory(lines: SharedLines) -> bool:
    return isinstance(lines._lines, bytes)


def test_the_first_of_it_stay_in_memory(folder: Path) -> None:
    of_one, of_other = Shelf(), Shelf()
    kept = [of_one.put(LINES) for _ in range(6)]
    assert [is_in_memory(lines) for lines in kept] == [True] * 3 + [False] * 3
    assert is_in_memory(of_other.put(LINES))
    assert [b"".join(lines.stuffed()) for lines in kept] == [LINES] * 6 and len(kept[5]) == len(LINES)
    assert list(folder.iterdir()) == [], "a file without a name"


def without_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")


def with_others_in_need_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "LEFT_FREE", 1 << 60)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("trouble", [without_folder, with_others_in_need_of_room])
def test_without_a_disk_it_stays_in_memory(
    trouble: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble(monkeypatch)
    of_one = Shelf()
    with capture_logs() as lines:
        kept = [of_one.put(LINES) for _ in range(6)]
    assert all(map(is_in_memory, kept))
    assert [line["event"] for line in lines] == ["a large message stays in memory"]


@pytest.mark.usefixtures("folder")
def test_a_disk_that_is_full_half_way_keeps_nothing_of_it() -> None:
    """Seven blocks, of which the sixth has room for its half only."""
    of_one = Shelf()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINES) * 5 // 2, hard))
    try:
        kept = [of_one.put(LINES) for _ in range(7)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [is_in_memory(lines) for lines in kept] == [True] * 3 + [False] * 2 + [True] * 2
    assert [b"".join(lines.stuffed()) for lines in kept] == [LINES] * 7
    assert of_one._file is not None and os.fstat(of_one._file.fileno()).st_size == 2 * len(LINES)
