from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailroom.web.compose import uploads
from mailroom.web.compose.uploads import Uploads


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    monkeypatch.setattr(uploads, "MOST_UPLOADS", 5)
    monkeypatch.setattr(uploads, "MOST_UPLOADED", 1_000)
    return Uploads(tmp_path, 1)


def keep(kept: Uploads, octets: int, age: int) -> str:
    upload = kept.keep("a.csv", "text/csv", [b"x" * octets])
    made = upload.path.stat().st_mtime - age
    os.utime(upload.path, (made, made))
    return upload.token


def there(kept: Uploads, tokens: list[str]) -> list[bool]:
    return [kept.find(token) is not None for token in tokens]


def test_of_too_many_the_oldest_go(kept: Uploads, tmp_path: Path) -> None:
    other = keep(Uploads(tmp_path, 2), 10, 1_000)
    tokens = [keep(kept, 10, 100 - number) for number in range(8)]
    assert there(kept, tokens) == [False] * 3 + [True] * 5
    assert Uploads(tmp_path, 2).find(other) is not None
    assert kept.find(other) is None


def test_of_too_much_the_oldest_go(kept: Uploads) -> None:
    tokens = [keep(kept, 600, 100 - number) for number in range(3)]
    keep(kept, 10, 0)
    assert there(kept, tokens) == [False, False, True]
