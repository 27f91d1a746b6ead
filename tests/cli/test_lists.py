"""flask lists: made, imported, looked at, exported, from a shell; what is exported is imported again."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.cli.lists import members as cli_members
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.lists import members
from mailroom.ledger.schema import mailings
from mailroom.settings import Settings
from tests.ledger.book import CONTENT

GUESTS = (
    "email,name,First Name,consent_at,consent_how\n"
    "ann@mail.example,Ann Lee,=Ann,2024-05-01,form\n"
    "bob@mail.example,,Bob,,\n"
)


class ListShell:
    """In this process."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.app, self._folder = app, folder
        self._runner = app.test_cli_runner()

    def run(self, *words: str, fails: bool = False, given: str = "") -> str:
        done = self._runner.invoke(args=["lists", *words], input=given)
        assert (done.exit_code != 0) is fails, done.output
        return done.output

    def file(self, text: str) -> str:
        path = self._folder / "guests.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def shell(settings: Settings, tmp_path: Path) -> ListShell:
    shell = ListShell(create_app(settings), tmp_path)
    shell.run("add", "Digest")
    return shell


def test_one_is_imported_after_it_was_said_what_would_change(shell: ListShell) -> None:
    guests = shell.file(GUESTS)
    assert "Would be: 2 added, 0 changed, 0 removed; 0 left" in shell.run(
        "import", "digest", guests, "--dry-run"
    )
    assert shell.run("show", "Digest") == ""
    assert "2 added" in shell.run("import", "Digest", guests)
    assert "2 left as they are" in shell.run("import", "Digest", guests)
    assert "given 2024-05-01 form  first_name==Ann" in shell.run("show", "Digest", "LEE")
    assert "0 added, 0 changed, 1 removed; 1 left" in shell.run(
        "import", "Digest", "-", "--replace", given=GUESTS.rpartition("bob@")[0]
    )


def test_all_of_a_list_is_searched(shell: ListShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_SEARCHED", 2)
    monkeypatch.setattr(cli_members, "MEMBERS_PRINTED", 3)
    lines = "".join(f"{name}.lee@mail.example\n" for name in "abcdefghijkl")
    shell.run("import", "Digest", shell.file(f"email\n{lines}x.ray@mail.example\ny.ray@mail.example\n"))
    for words in ("ray@", "x.ray"):
        told = shell.run("show", "Digest", words)
        assert told.count("ray@mail.example") == (2 if words == "ray@" else 1), "at the end, and all of it"
        assert "There are more" not in told
    told = shell.run("show", "Digest", "lee@")
    assert told.count("lee@mail.example") == 3 and "There are more" in told


def test_what_is_exported_is_imported_again(shell: ListShell) -> None:
    shell.run("import", "Digest", shell.file(GUESTS))
    exported = shell.run("export", "Digest")
    assert ",'=Ann,given,2024-05-01T00:00:00.000+00:00,form," in exported
    shell.run("add", "Copy")
    shell.run("import", "Copy", shell.file(exported))
    assert shell.run("export", "Copy") == exported
    assert "2 left as they are" in shell.run("import", "Digest", shell.file(exported), "--replace")


def test_bad_entries_stop_it_unless_they_are_left_out(shell: ListShell) -> None:
    bad = shell.file("email,consent_at\nann@,\nann@mail.example,yesterday\nbob@mail.example,\n")
    told = shell.run("import", "Digest", bad, fails=True)
    assert "Nothing was imported." in told and "ann@: " in told and "“yesterday” is no time" in told
    assert "1 added" in shell.run("import", "Digest", bad, "--leave-out")
    assert "no list Other" in shell.run("show", "Other", fails=True)
    assert "called Digest already" in shell.run("add", "DIGEST ", fails=True).replace("DIGEST", "Digest")
    assert "at most 60" in shell.run("add", "x" * 61, fails=True)


def test_one_member_is_put_changed_and_taken_off(shell: ListShell) -> None:
    put = ("put", "Digest", "Ann <ann@mail.example>", "--value", "City=Rome")
    assert [shell.run(*put).strip(), shell.run(*put).strip()] == ["Added.", "It was so already."]
    assert "Changed." in shell.run(*put, "--consent-how", "spoken", "--consent-at", "2025-01-02")
    shell.run(*put, "--consent-how", "form", "--consent-at", "2025-02-03")
    assert shell.run("history", "Digest", "ANN@mail.example").splitlines() == [
        "given 2025-02-03 form",
        "given 2025-01-02 spoken",
    ]
    assert "1 recipient taken off" in shell.run("take-off", "Digest", "ann@mail.example", "no@mail.example")
    assert "is not on the list" in shell.run("history", "Digest", "ann@mail.example", fails=True)
    assert "is no time" in shell.run("put", "Digest", "a@mail.example", "--consent-at", "x", fails=True)


def test_new_ones_are_made_of_a_list_and_of_a_mailing(shell: ListShell) -> None:
    shell.run("import", "Digest", shell.file(GUESTS))
    assert "1 recipient on Bobs" in shell.run("from-list", "Digest", "Bobs", "--where", "first_name is bob")
    assert "1 recipient on Consented" in shell.run(
        "from-list", "Digest", "Consented", "--where", "consent is given"
    )
    assert "no column town" in shell.run("from-list", "Digest", "X", "--where", "town is x", fails=True)
    assert "write it like" in shell.run("from-list", "Digest", "X", "--where", "first_name = x", fails=True)
    mailroom = shell.app.extensions["mailroom"]
    people = [Recipient("ann@mail.example", "Ann", {"city": "Rome"})]
    accepted = accept(mailroom.database, mailroom.queue, Submission(CONTENT, people, ["city"]))
    number = str(accepted.mailing_id)
    assert "1 recipient on Waiting" in shell.run("from-mailing", number, "Waiting", "--outcome", "queued")
    assert "city=Rome" in shell.run("show", "Waiting")
    assert "0 recipients on Lost" in shell.run("from-mailing", number, "Lost", "--outcome", "failed")
    shell.run("change", "Lost", "--name", "Found", "--shared")
    shell.run("remove", "Found")
    assert [line.rpartition("  ")[2] for line in shell.run("list").splitlines()] == [
        "Waiting",
        "Consented",
        "Bobs",
        "Digest",
    ]


def test_a_mailing_goes_to_a_list(shell: ListShell) -> None:
    shell.run("import", "Digest", shell.file(GUESTS))
    send = ["send", "--from", "news@acme.example", "--subject", "Hi {{ first_name }}", "--text", "Hello"]
    runner = shell.app.test_cli_runner()
    done = runner.invoke(args=[*send, "--to-list", "digest", "--to", "ann@mail.example"])
    assert done.exit_code == 0 and "Accepted 2 mails" in done.output, done.output
    with shell.app.extensions["mailroom"].database.read() as connection:
        row = connection.execute(select(mailings.c.purpose, mailings.c.list_name)).one()
    assert tuple(row) == ("bulk", "digest")
    assert "there is no list x" in runner.invoke(args=[*send, "--to-list", "x"]).output


def test_no_cell_that_is_refused_moves_the_terminal(shell: ListShell) -> None:
    shell.run("add", "Hostile")
    hostile = "pwned\x1b]0;x\x07\x9b2J\u202e"
    for cells in (f"email,town\nann@mail.example,{hostile}\n", f"email\nann@mail.example\nnobody{hostile}\n"):
        listed = shell.file(cells)
        seen = shell.run("import", "Hostile", listed, fails=True)
        letter = ("send", "--from", "a@b.example", "--subject", "S", "--text", "T", "--recipients", listed)
        seen += shell.app.test_cli_runner().invoke(args=letter).output
        assert seen.count("pwned") == 2, seen
        assert not any(sign in seen for sign in "\x1b\x07\x9b\u202e"), ascii(seen)
