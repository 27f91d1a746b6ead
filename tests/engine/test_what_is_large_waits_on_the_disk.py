"""Of a large message a worker holds a little in memory; the rest waits in a file that nobody sees."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

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


@pytest.mark.usefixtures("folder")
def test_without_a_disk_it_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    shelf = Shelf()
    kept = [shelf.put(LINES) for _ in range(6)]
    assert all(map(is_in_memory, kept))
    assert "a large message stays in memory" in capsys.readouterr().out
