"""The compose page and `flask send`: a file in a code page is shown and asked about."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings

RUSSIAN = "email;Имя\nivan@example.org;Иван\nmaria@example.org;Мария\n".encode("cp1251")
LETTER = {
    "sender": "Ann Lee <ann@example.org>",
    "reply_to": "replies@example.org",
    "subject": "Привет",
    "text": "Dear {{ Имя }}",
}


@pytest.fixture
def submit(client: FlaskClient, csrf: Callable[..., str]) -> Callable[..., TestResponse]:
    token = csrf(client)
    return lambda **fields: client.post(
        "/mailings", data={**LETTER, "csrf_token": token, **fields}, content_type="multipart/form-data"
    )


Submit = Callable[..., TestResponse]


def names_of(app: Flask, variable: str = "имя") -> list[Any]:
    """Of the only mailing's recipients; none while there is no mailing."""
    with app.extensions["mailroom"].database.read() as connection:
        found = mailings.page(connection)
        rows = deliveries.page(connection, found[0].id) if found else []
    return [(row.variables or {})[variable] for row in rows]


def kept(page: str) -> str:
    (token,) = re.findall(r'name="kept_recipients_file" value="([0-9a-f]+)"', page)
    return str(token)


def test_nothing_is_sent_on_a_guess(app: Flask, submit: Submit) -> None:
    answer = submit(recipients_file=(io.BytesIO(RUSSIAN), "guests.csv"))
    page = unescape(answer.text)

    assert answer.status_code == 422 and names_of(app) == []
    assert "can be read in several ways" in page and 'href="#recipients_encoding"' in page
    assert '<option value="cp1251" selected>' in page and "Имя, Иван · Cyrillic" in page
    assert '<option value="cp1252">' in page and "Èâàí" in page
    assert "<td><bdi>ivan@example.org</bdi></td><td><bdi>Иван</bdi></td>" in page
    assert all(value in page for value in LETTER.values()), "what was typed is lost"

    again = submit(kept_recipients_file=kept(page), recipients_encoding="cp1251", chosen_for_kept="1")
    assert again.status_code == 303
    assert names_of(app) == ["Иван", "Мария"]


def test_somebody_s_choice_goes_before_the_guess(app: Flask, submit: Submit) -> None:
    file = io.BytesIO("email,n\na@example.org,Иван\n".encode("koi8-r"))
    assert submit(recipients_file=(file, "a.csv"), recipients_encoding="KOI8-R", text="t").status_code == 303
    assert names_of(app, "n") == ["Иван"]


def test_a_choice_is_kept_with_its_file_only(app: Flask, submit: Submit) -> None:
    page = submit(
        recipients_file=(io.BytesIO(RUSSIAN), "a.csv"), recipients_encoding="windows-1251", subject=""
    ).text
    assert '<option value="cp1251" selected>' in page

    other = (io.BytesIO("email,Имя\nz@example.org,Жанна\n".encode()), "b.csv")
    answer = submit(recipients_file=other, recipients_encoding="cp1251", chosen_for_kept="1")
    assert answer.status_code == 303
    assert names_of(app) == ["Жанна"]


def test_a_choice_that_does_not_fit_is_told_and_may_be_made_again(app: Flask, submit: Submit) -> None:
    page = unescape(submit(recipients_file=(io.BytesIO(RUSSIAN), "a.csv"), recipients_encoding="utf-8").text)
    assert "cannot be read as Unicode (UTF-8)" in page and '<option value="cp1251">' in page
    assert names_of(app) == []


def test_unicode_is_not_asked_about(app: Flask, submit: Submit) -> None:
    for encoding in ("utf-8", "utf-16-le"):
        file = io.BytesIO("email,Имя\nz@example.org,Жанна\n".encode(encoding))
        assert submit(recipients_file=(file, "b.csv")).status_code == 303
    assert names_of(app) == ["Жанна"]


@pytest.mark.parametrize("leave_out", [{}, {"leave_out": "on"}])
def test_a_file_that_is_no_list_is_named_and_nobody_is_offered_to_be_left_out(
    submit: Submit, leave_out: dict[str, str]
) -> None:
    answer = submit(
        recipients_file=(io.BytesIO(b"PK\x03\x04\x00\x00rest"), "guests.csv"), text="t", **leave_out
    )
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert "This file is a ZIP archive." in page and "PK" not in page
    assert "send to the others" not in page and "list-rows" not in page and "guests.csv" not in page


def test_people_without_an_address_are_left_out_knowingly(app: Flask, submit: Submit) -> None:
    lines = [
        "Имя,E-mail 1 - Value",
        *(f"P{number}," for number in range(25)),
        "Ann,ann@example.org ::: b@example.org",
    ]
    file = "\n".join(lines).encode()
    page = unescape(submit(recipients_file=(io.BytesIO(file), "contacts.csv")).text)
    assert "25 entries of the file cannot be mailed" in page and "has no address: P0" in page
    assert "send to the others" in page and names_of(app) == []

    assert submit(kept_recipients_file=kept(page), leave_out="on").status_code == 303
    assert names_of(app) == ["Ann", "Ann"]


def test_the_command_asks_too(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(RUSSIAN)
    (tmp_path / "b.csv").write_bytes(b"%PDF-1.4")

    def send(*arguments: str, file: str = "a.csv") -> Any:
        letter = ("--from", "ann@example.org", "--subject", "Hi", "--text", "{{ Имя }}")
        return app.test_cli_runner().invoke(args=["send", "--csv", str(tmp_path / file), *letter, *arguments])

    asked = send()
    assert asked.exit_code == 1 and "--encoding cp1251: Имя, Иван" in asked.output
    assert "nonsense is not one of" in send("--encoding", "nonsense").output
    assert "This file is a PDF." in send(file="b.csv").output
    assert names_of(app) == []
    assert send("--encoding", "windows-1251").exit_code == 0
    assert names_of(app) == ["Иван", "Мария"]
