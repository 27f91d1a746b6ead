"""A command that finds no room for a temporary file ends with the sentence that says what to do."""

from __future__ import annotations

import os

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from mailroom.cli.recipient_file import seekable
from mailroom.content.recipients import spool
from mailroom.files import NoTemporaryRoom
from mailroom.ledger.schema import list_members, mailings
from mailroom.settings import Settings
from tests.api.test_a_full_disk_is_told_of import away
from tests.content import workbooks

PEOPLE = b"Email\nann@mail.example\nbob@mail.example\n"
LETTER = ("send", "--from", "a@b.example", "--subject", "S", "--text", "T", "--recipients")


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def test_of_a_list_that_is_long_or_a_workbook(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 1)
    files = tmp_path_factory.mktemp("lists")
    (files / "people.csv").write_bytes(PEOPLE)
    book = workbooks.xlsx({"Guests": workbooks.rows(("mail",), ("x@mail.example",))})
    (files / "people.xlsx").write_bytes(book)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["lists", "add", "Guests"]).exit_code == 0
    with away():
        for name in ("people.csv", "people.xlsx"):
            for command in (LETTER, ("lists", "import", "Guests")):
                done = runner.invoke(args=[*command, str(files / name)])
                assert done.exit_code == 2, done.output
                assert done.output.startswith("mailroom: Temporary files cannot be written"), done.output
                assert done.output.count("\n") == 1
    with app.extensions["mailroom"].database.read() as connection:
        for table in (mailings, list_members):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_what_comes_by_a_pipe_has_no_other_error() -> None:
    end, other = os.pipe()
    os.write(other, PEOPLE)
    os.close(other)
    with open(end, "rb") as pipe:
        with away(), pytest.raises(NoTemporaryRoom), seekable(pipe):
            pass
        with seekable(pipe) as copy:
            assert copy.read() == PEOPLE
