from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from app import create_app
from mailroom.ledger.mailings import mailings
from mailroom.settings import load

Send = Callable[..., Result]
BASICS = ("--from", "ann@shop.example", "--subject", "News", "--dry-run")


@pytest.fixture
def send(settings_env: dict[str, str]) -> Iterator[Send]:
    """`flask send` in this process; nothing may be accepted by it."""
    app = create_app(load(settings_env))
    runner = app.test_cli_runner()
    yield lambda *arguments: runner.invoke(args=["send", *BASICS, *arguments])
    database = app.extensions["mailroom"].database
    with database.read() as connection:
        assert mailings.page(connection) == []
    database.dispose()


def test_a_program_gets_what_the_api_answers(send: Send, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(
        "email,first_name\nann@mail.example,Ann\n\nnobody,X\nbob@mail.example,\nann@mail.example,Ann\n"
        "cid@mail.example,Cid\n"
    )
    done = send("--csv", str(people), "--text", "Hello {{ first_name }},", "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["recipients"] == 3
    found = {one["kind"]: (one["count"], one["rows"]) for one in report["findings"]}
    assert found == {"bad_address": (1, [2]), "duplicate": (1, [4]), "empty_value": (1, [3])}


def test_rows_go_on_from_what_was_named_to_the_file(send: Send, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,first_name\nbob@mail.example,Bob\nANN@mail.example,Ann\nx@,\n")
    arguments = ("--to", "ann@mail.example", "--to", "oops", "--csv", str(people), "--json")
    report = json.loads(send(*arguments, "--text", "Hello {{ first_name }},").stdout)
    found = {one["kind"]: (one["count"], one["rows"]) for one in report["findings"]}
    assert found == {"bad_address": (2, [2, 5]), "duplicate": (1, [4]), "empty_value": (1, [1])}


def test_a_person_reads_it_line_by_line(send: Send) -> None:
    done = send("--to", "ann@mail.example", "--text", "See http://shop.example/ and {{ nmae }}")
    assert done.exit_code == 0
    first, *lines = done.stdout.splitlines()
    assert first == "Nothing was sent. 1 recipient would get it."
    assert [line.split(":")[0].strip() for line in lines] == ["unknown_variable", "http_link"]
    assert "{{ name }}" in lines[0] and lines[0].endswith("Rows: 1.")


def test_what_is_refused_at_send_is_refused(send: Send) -> None:
    done = send("--to", "ann@mail.example")
    assert done.exit_code == 1 and "Write a text" in done.stderr
