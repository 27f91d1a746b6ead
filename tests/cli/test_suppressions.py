"""flask suppressions: who gets no mail, from a shell; what is exported is imported again."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.settings import Settings

SENDER = "news@acme.example"


class Shell:
    """In this process."""

    def __init__(self, app: Flask) -> None:
        self._runner = app.test_cli_runner()
        self.database = app.extensions["mailroom"].database

    def run(self, *words: str, fails: bool = False) -> str:
        done = self._runner.invoke(args=["suppressions", *words])
        assert (done.exit_code != 0) is fails, done.output
        return done.output

    def scopes(self) -> list[tuple[str, Scope, str]]:
        with self.database.read() as connection:
            return [(one.address_key, one.scope, one.reason) for one in suppressions.page(connection)]


@pytest.fixture
def shell(settings: Settings) -> Shell:
    return Shell(create_app(settings))


def test_added_listed_and_taken_off(shell: Shell) -> None:
    assert "2 addresses added." in shell.run("add", "Ann@mail.example", "bob@mail.example")
    shell.run("add", "ann@mail.example", "--sender", SENDER, "--list", "Digest", "--reason", "unsubscribed")
    assert f"“digest” from {SENDER}" in shell.run("list", "ann")
    shell.run("remove", "ann@mail.example")
    assert [address for address, *_ in shell.scopes()] == ["bob@mail.example"]
    assert "is not on the list" in shell.run("remove", "ann@mail.example", fails=True)
    assert "--list needs --sender" in shell.run("add", "a@mail.example", "--list", "x", fails=True)
    shell.run("add", "a@mail.example")
    assert "--list needs --sender" in shell.run("remove", "a@mail.example", "--list", "x", fails=True)
    shell.run("remove", "a@mail.example")


def test_what_is_exported_is_imported_again(shell: Shell, tmp_path: Path) -> None:
    for scope in (Scope(), Scope(SENDER), Scope(SENDER, "digest")):
        with shell.database.begin() as connection:
            suppressions.add(connection, ["=ann@mail.example"], "complained", "=1+1", scope=scope)
    before, file = shell.scopes(), tmp_path / "list.csv"
    file.write_text(shell.run("export"), encoding="utf-8")
    shell.run("remove", "=ann@mail.example")
    assert shell.scopes() == []
    assert "3 addresses added." in shell.run("import", str(file))
    assert shell.scopes() == before
    assert "3 known already" in shell.run("import", str(file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"ann@mail.example\nnonsense\n", "line 2: nonsense"),
        (b"address;sender\nann@mail.example;nobody\n", "line 2"),
        (b"", "no address in it"),
        ("address\nmüller@mail.example\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_of_a_file_with_a_mistake_nothing_is_taken(
    shell: Shell, tmp_path: Path, text: bytes, words: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(text)
    said = shell.run("import", str(file), fails=True)
    assert "Nothing was imported." in said and words in said
    assert shell.scopes() == []


def test_another_system_s_file_is_taken(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("\ufeffCreated;E-Mail;Reason\n2026;Ann@mail.example;spam\n\n".encode())
    shell.run("import", str(file))
    assert shell.scopes() == [("ann@mail.example", Scope(), "manual")]


def test_a_new_key_seals_from_now_on(shell: Shell) -> None:
    assert "Key 2 seals" in shell.run("new-link-key")


@pytest.mark.parametrize("option", ["--note", "--list"])
def test_words_that_turn_round_what_stands_beside_them_are_refused(shell: Shell, option: str) -> None:
    said = shell.run("add", "a@example.org", "--sender", SENDER, option, "by \u202enohp", fails=True)
    assert "holds U+202E RIGHT-TO-LEFT OVERRIDE" in said and shell.scopes() == []
