from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.ledger.mailings import contents
from mailroom.ledger.mailings import mailings as ledger
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.schema import deliveries
from mailroom.settings import Settings
from tests.system import ROOT
from tests.web import watching

LETTER = ("--from", "ann@example.org", "--subject", "Hi", "--text", "Dear {{ town }}")
GUESTS = b"town,email\nOslo,a@example.org\nRome,b@example.org\n"


@pytest.fixture
def application(settings: Settings) -> Flask:
    return create_app(settings)


def send(application: Flask, *arguments: str, given: bytes = GUESTS) -> Result:
    words = ["send", *LETTER, "--recipients", "-", *arguments]
    return application.test_cli_runner().invoke(args=words, input=io.BytesIO(given))


def sent(application: Flask) -> list[Mailing]:
    with application.extensions["mailroom"].database.read() as connection:
        return list(ledger.page(connection))


def test_files_answers_and_headers(application: Flask, tmp_path: Path) -> None:
    plan, film = tmp_path / "Plan.pdf", tmp_path / "film"
    plan.write_bytes(b"%PDF-1.7")
    film.write_bytes(os.urandom(300_000))
    options = ("--attach", str(plan), "--attach", str(film), "--reply-to", "Bob <bob@example.org>")
    answer = send(application, *options, "--header", "X-Campaign: June: {{ town }}", "--undo", "60")

    assert answer.exit_code == 0, answer.output
    (found,) = sent(application)
    with application.extensions["mailroom"].database.read() as connection:
        said, files = contents.of(connection, found.id), watching.files_of(connection, found.id)
    assert said is not None
    assert said.reply_to == ["Bob <bob@example.org>"] and found.state == "scheduled"
    assert [tuple(header) for header in said.headers] == [("X-Campaign", "June: {{ town }}")]
    assert [(file.filename, file.content_type) for file in files] == [
        ("Plan.pdf", "application/pdf"),
        ("film", "application/octet-stream"),
    ]
    assert [bytes(file.data) for file in files] == [plan.read_bytes(), film.read_bytes()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--reply-to", "nobody"), "--reply-to: "),
        (("--header", "X-Campaign"), "--header: write"),
        (("--header", "From: eve@example.org"), "is set by Mailroom"),
        (("--header", "X: a\nBcc: eve@example.org"), "line break"),
        (("--attach", "/nowhere/at/all"), "does not exist"),
        (("--undo", "-1"), "-1"),
        (("--idempotency-key", "k" * 257), "at most 256"),
    ],
)
def test_what_cannot_be_sent_says_why(application: Flask, options: tuple[str, ...], words: str) -> None:
    answer = send(application, *options)
    assert answer.exit_code != 0 and words in answer.output
    assert sent(application) == []


def test_the_same_again_with_its_key_is_sent_once(application: Flask, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    options = ("--idempotency-key", "june", "--attach", str(file))
    first, again = send(application, *options), send(application, *options)
    file.write_text("two")
    other_file = send(application, *options)
    file.write_text("one")
    other_people = send(application, *options, given=GUESTS + b"Bonn,c@example.org\n")
    without = send(application)

    assert first.exit_code == again.exit_code == without.exit_code == 0
    assert "sent already" in again.output and first.output.splitlines()[-1] == again.output.splitlines()[-1]
    for other in (other_file, other_people):
        assert other.exit_code == 1 and "belongs to another mailing" in other.output
    assert len(sent(application)) == 2


def test_bad_rows_are_left_out_when_asked(application: Flask) -> None:
    given = GUESTS + b"Bonn,nobody\n"
    assert send(application, given=given).exit_code == 1
    assert send(application, "--leave-out", given=given).exit_code == 0
    assert [found.total for found in sent(application)] == [2]
    assert send(application, "--leave-out", given=b"email\nnobody\n").exit_code == 1


def test_the_name_of_a_file_is_not_sent_as_the_text(application: Flask, tmp_path: Path) -> None:
    letter = tmp_path / "the letter.txt"
    letter.write_text("Dear guest")
    answer = send(application, "--text", str(letter))
    assert answer.exit_code == 1 and sent(application) == []
    assert (
        answer.stderr == f"Error: --text: {letter} is a file. To send what is in it: --text - < '{letter}'\n"
    )
    assert send(application, "--text", "no such letter.txt").exit_code == 0


def test_mail_to_many_that_nobody_can_unsubscribe_from_is_told_of(application: Flask) -> None:
    many = b"email\n" + b"".join(b"guest%d@example.org\n" % number for number in range(100))
    plain = ("--text", "Dear guest")
    told = "100 recipients: this is transactional mail"
    for further in ((), ("--dry-run",)):
        assert told in send(application, *plain, *further, given=many).stderr
    for purpose in ("transactional", "bulk"):
        assert told not in send(application, *plain, "--purpose", purpose, given=many).stderr
    assert told not in send(application, *plain, given=many.rsplit(b"guest", 1)[0]).stderr


def test_while_sending_is_held_it_says_so(application: Flask) -> None:
    hold = application.test_cli_runner().invoke(args=["hold", "--reason", "the server moves"])
    assert hold.exit_code == 0
    assert "Accepted 2 mails in " in (said := send(application).output)
    assert "(sending is held: the server moves)" in said


def test_a_terminal_shows_how_far_it_is_and_a_pipe_nothing(
    application: Flask, settings_env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "guests.csv"
    file.write_bytes(b"email\n" + b"".join(b"p%d@mail.example\n" % number for number in range(6_000)))
    words = [
        sys.executable,
        "-m",
        "flask",
        "send",
        "--from",
        "a@example.org",
        "--subject",
        "Hi",
        "--text",
        "Hi",
    ]
    command, environment = [*words, "--text", "Hi", "--recipients", str(file)], {**os.environ, **settings_env}
    terminal, behind = pty.openpty()
    seen = bytearray()

    def look() -> None:
        while True:
            try:
                seen.extend(os.read(terminal, 4096) or b"")
            except OSError:
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=behind, check=True)
    os.close(behind)
    thread.join(10)
    piped = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)

    assert b"Reading" in seen and b"Accepting" in seen and b"100%" in seen
    assert b"Reading" not in piped.stderr + piped.stdout and b"Accepted 6,000 mails" in piped.stdout
    with application.extensions["mailroom"].database.read() as connection:
        assert len(connection.execute(select(deliveries.c.id)).all()) == 12_000
