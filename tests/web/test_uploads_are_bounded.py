from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.web.checking.kept_check import KeptCheck, Person
from mailroom.web.checking.kept_form import FORM_TYPE
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


def test_what_others_keep_beside_a_file_counts_and_goes_with_it(kept: Uploads) -> None:
    first = keep(kept, 10, 100)
    beside = kept.find(first).path.with_name(f"{first}.people")  # type: ignore[union-attr]
    beside.write_bytes(b"x" * 2_000)
    second = keep(kept, 10, 50)
    assert there(kept, [first, second]) == [False, True] and not beside.exists()
    beside = kept.find(second).path.with_name(f"{second}.people")  # type: ignore[union-attr]
    beside.write_bytes(b"x")
    kept.drop([kept.find(second)])  # type: ignore[list-item]
    assert not beside.exists() and there(kept, [second]) == [False]


def test_a_check_writes_long_headings_down_once(kept: Uploads) -> None:
    columns = [f"{'h' * 200}{number}" for number in range(50)]
    people = [Recipient(f"p{n}@mail.example", "", dict.fromkeys(columns, "")) for n in range(200)]
    content = Content(Address("a@acme.example"), "Hi", "Hello")
    check = KeptCheck(kept.keep("form.json", FORM_TYPE, [b"{}"]))
    check.begin(PreflightPlan(content, [*people, Recipient("z@mail.example", "Zoe")], columns, range(1, 202)))
    assert check.form.path.with_suffix(".people").stat().st_size < 10_000 + 200 * 300
    assert check.person(7) == Person(7, 8, people[7])
    assert check.find("zoe") == Person(200, 201, Recipient("z@mail.example", "Zoe", {}))
    for place in (-1, 201, 2**60, 2**63 - 1):
        assert check.person(place) is None
