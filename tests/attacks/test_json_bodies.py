"""What somebody sends to the API who holds a key, to have the web process work and grow without end.

Each hostile body of tests/attacks/json_bodies.py, sent to operations that take one, and in each of their
fields some of them; with `make attacks` each to each, and all in each field.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailroom.content.text.json_text import (
    MOST_NAMES,
    MOST_VALUES,
    ROOM_FOR_EMAILS,
    ROOM_FOR_MAILING,
    NotJson,
    read,
)
from mailroom.web.api.operations import OPERATIONS
from tests.attacks.json_bodies import EVERY_BODY, FIELDS, VALUES
from tests.memory import MEBIBYTE, growing_at_most

Answers = dict[str, tuple[int, float]]
"""Status and megabytes, by operation and shape."""

ROOT = Path(__file__).parents[2]

MOST_GROWN = 150
"""Megabytes: 1.5 MB of zeros made it grow by 1,084, when each was a mistake to be told of."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def answered(
    _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, float]]:
    home = tmp_path_factory.mktemp("bodies")
    (home / "mailroom.db").write_bytes(_sqlite_template.read_bytes())
    settings = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": f"sqlite:///{home}/mailroom.db",
        "REDIS_URL": "redis://127.0.0.1:1",
        "MAIL_SERVER": "127.0.0.1",
        "MAILROOM_HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.json_bodies"],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=590,
        check=True,
    )
    found: Answers = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_operation_that_takes_a_body_is_tried() -> None:
    assert set(FIELDS) == {f"{one.method} {one.path}" for one in OPERATIONS if one.takes}


def test_every_body_is_tried(answered: Answers) -> None:
    tried = [shape for asked in answered for _, _, shape in [asked.partition(": ")]]
    operations = len(FIELDS) if EVERY_BODY else len(FIELDS) // 2
    assert min(tried.count(shape) for shape in VALUES) == operations


@pytest.mark.parametrize("operation", FIELDS)
def test_every_one_is_refused(answered: Answers, operation: str) -> None:
    mine = {shape: status for shape, (status, _) in answered.items() if shape.startswith(f"{operation}: ")}
    assert len(mine) > len(VALUES) // (1 if EVERY_BODY else 2) + len(FIELDS[operation][1])
    assert {shape: status for shape, status in mine.items() if status not in (400, 413, 422)} == {}


@pytest.mark.parametrize("operation", FIELDS)
def test_the_process_does_not_grow(answered: Answers, operation: str) -> None:
    mine = {shape: grown for shape, (_, grown) in answered.items() if shape.startswith(f"{operation}: ")}
    assert {shape: grown for shape, grown in mine.items() if grown > MOST_GROWN} == {}


@pytest.mark.parametrize(
    ("text", "words"),
    {
        '{"a": 1, "b": 2, "a": 3}': "“a” twice",
        '{"x": {"\\u0061": 1, "a": 3}}': "“a” twice",
        "[1e999]": "too large",
        "[-1e999]": "too large",
        f"[{'9' * 5000}]": "too large",
        "[NaN]": "NaN",
        "[-Infinity]": "-Infinity",
        "[" * 100_000: "too deep",
        "[" * 20_000 + "]" * 20_000: "too deep",
        '["\\ud800"]': "is not JSON",
        '["\\udc00\\ud800"]': "is not JSON",
        '{"\\ud83d": 1}': "is not JSON",
        "\ufeff[]": "Expecting value",
        '["\t"]': "control character",
        "{'a': 1}": "is not JSON",
        "[1,]": "is not JSON",
        "[01]": "is not JSON",
        "[.5]": "is not JSON",
        "// x\n[]": "is not JSON",
        json.dumps({f"n{n}": 0 for n in range(MOST_NAMES + 1)}): "names",
        "[" + "0," * MOST_VALUES + "0]": "values",
        "[" + '",",' * MOST_VALUES + "0]": "values",
        '["' + "," * (MOST_VALUES + 1) + '\\"' * 100_000: "Unterminated",
    }.items(),
    ids=range(23),
)
def test_what_is_not_read(text: str, words: str) -> None:
    with pytest.raises(NotJson, match=words):
        read(text.encode())


def test_an_escaped_emoji_has_nothing_made_before_it_is_counted() -> None:
    """To look for half of a character all values were made once: 390 MB of 16."""
    body = b'["\\ud83d\\ude00",' + b'{"a":1},' * 1_990_000 + b"0]"
    with growing_at_most(MOST_GROWN * MEBIBYTE), pytest.raises(NotJson, match="objects"):
        read(body, ROOM_FOR_MAILING)


def test_it_is_said_where_half_of_a_character_stands() -> None:
    with pytest.raises(NotJson, match="line 2 column 4"):
        read(b'{"a": 1,\n "b\\ud83d\\\\ude00": 2}')


def test_what_is_read() -> None:
    given = {"a": ["\U0001f600", "\\ud800", 1.5, 10**40, None, True, "," * 5], "": {"a": {}}}
    assert read(json.dumps(given).encode()) == read(json.dumps(given, ensure_ascii=False).encode()) == given
    assert read(json.dumps("," * (MOST_VALUES + 1)).encode()) == "," * (MOST_VALUES + 1)


def test_the_largest_bodies_that_are_meant_are_read() -> None:
    file = {"filename": "a", "content": list(range(256)) * 4_000}
    people = [f"p{number}@mail.example" for number in range(50)]
    tags = [{"name": f"t{number}", "value": "x"} for number in range(75)]
    email = {
        "to": people,
        "cc": people,
        "bcc": people,
        "tags": tags,
        "headers": dict.fromkeys(map(str, range(999))),
    }
    batch = [{**email, "attachments": [file]}, *[email] * 99]
    assert read(json.dumps(batch).encode(), ROOM_FOR_EMAILS) == batch
    values = {f"v{number}": "x" for number in range(8)}
    mailing = {"recipients": [{"address": "a@b.example", "name": "Ann", "variables": values}] * 200_000}
    assert read(json.dumps(mailing).encode(), ROOM_FOR_MAILING) == mailing
