from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from app import create_app
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from mailroom.settings import Settings
from tests.content.workbooks import rows, xlsx

LETTER = ("--from", "ann@example.org", "--subject", "Hi", "--text", "Dear {{ town }}")


@pytest.fixture
def application(settings: Settings) -> Flask:
    return create_app(settings)


def send(application: Flask, *arguments: str, given: bytes = b"") -> Result:
    return application.test_cli_runner().invoke(args=["send", *LETTER, *arguments], input=io.BytesIO(given))


def sent_to(application: Flask) -> list[tuple[str, object]]:
    with application.extensions["mailroom"].database.read() as connection:
        found = mailings.page(connection)
        listed = deliveries.page(connection, found[0].id) if found else []
    return [(row.address, (row.variables or {})["town"]) for row in listed]


def test_a_workbook_its_sheet_and_its_column(application: Flask, tmp_path: Path) -> None:
    staff = rows(("Work", "Home", "Town"), ("w@example.org", "h@example.org", "Oslo"))
    file = tmp_path / "list.xlsx"
    file.write_bytes(xlsx({"A": rows(("Mail",), ("a@example.org",)), "Staff": staff}))
    answer = send(application, "--recipients", str(file), "--sheet", "Staff", "--column", "home")
    assert answer.exit_code == 0, answer.output
    assert sent_to(application) == [("h@example.org", "Oslo")]


@pytest.mark.parametrize(
    "given",
    [
        b"Town|E-Mail\nRome|ann@example.org\n",
        xlsx({"S": rows(("Town", "E-Mail"), ("Rome", "ann@example.org"))}),
    ],
)
def test_a_list_from_standard_input(application: Flask, given: bytes) -> None:
    answer = send(application, "--recipients", "-", given=given)
    assert answer.exit_code == 0, answer.output
    assert sent_to(application) == [("ann@example.org", "Rome")]


def test_a_file_that_is_no_list_says_what_it_is(application: Flask) -> None:
    answer = send(application, "--recipients", "-", given=b"PK\x03\x04 and then nothing")
    assert answer.exit_code == 1 and "This file is a ZIP archive." in answer.output
    assert sent_to(application) == []


def test_the_first_go_before_the_others(application: Flask) -> None:
    given = b"town,email\nOslo,a@example.org\nRome,b@example.org\nBonn,c@example.org\n"
    answer = send(application, "--recipients", "-", "--canary", "40%", "--canary-wait", "60", given=given)
    assert answer.exit_code == 0, answer.output
    with application.extensions["mailroom"].database.read() as connection:
        (found,) = mailings.page(connection)
    assert found.canary == 2 and found.release_at is not None and found.release_at > found.created_at
    for wrong in (("--canary", "ten"), ("--canary", "1", "--canary-wait", "-1")):
        answer = send(application, "--recipients", "-", *wrong, given=given)
        assert answer.exit_code != 0 and wrong[-2] in answer.output
