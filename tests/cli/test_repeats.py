"""flask repeats: kept from a shell, listed, shown, changed, paused, resumed, sent, canceled."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from mailroom.ledger.mailings import mailings
from mailroom.settings import Settings
from tests.cli.test_templates import run

LETTER = ("--from", "ann@example.org", "--subject", "News", "--text", "Dear {{ town }}")


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def test_from_a_list_to_its_last_tick(app: Flask, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,town\nbob@example.org,Oslo\ncy@example.org,Rome\n")
    rule = ("--rule", "weekly mon,thu 9", "--zone", "Europe/Berlin", "--until", "2099-12-31")
    uid = run(
        app, "repeats", "add", *rule, *LETTER, "--recipients", str(people), "--hours", "daily 8-20"
    ).strip()
    listed = run(app, "repeats", "list")
    assert listed.startswith(uid) and "active" in listed and "weekly mon,thu 09:00  News" in listed
    shown = run(app, "repeats", "show", uid)
    assert "News: 2 recipients, from ann@example.org" in shown
    assert "every Monday and Thursday at 09:00, Europe/Berlin" in shown and "daily 08:00-20:00" in shown
    assert shown.count("next ") == 5 and ("CET" in shown or "CEST" in shown)

    assert "is paused" in run(app, "repeats", "pause", uid)
    assert "It is paused: that cannot be done now" in run(app, "repeats", "pause", uid, fails=True)
    assert "is resumed" in run(app, "repeats", "resume", uid)
    assert "changed" in run(app, "repeats", "change", uid, "--rule", "monthly 31 7:30", "--times", "2")
    assert run(app, "repeats", "show", uid).count("next ") == 2
    assert "/mailings/1" in run(app, "repeats", "send", uid)
    assert "mailing 1" in run(app, "repeats", "show", uid)
    assert "is canceled" in run(app, "repeats", "cancel", uid)
    assert "canceled" in run(app, "repeats", "send", uid, fails=True)
    with app.extensions["mailroom"].database.read() as connection:
        assert [mailing.total for mailing in mailings.page(connection)] == [2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--rule", "daily 9"), "Say --zone"),
        (("--rule", "never", "--zone", "UTC"), "Write a rule like"),
        (("--rule", "daily 9", "--zone", "Mars"), "no such time zone"),
        (("--rule", "daily 9", "--zone", "UTC", "--until", "2020-01-01"), "no tick of that rule"),
        (("--rule", "daily 9", "--zone", "UTC", "--dry-run"), "flask send --dry-run"),
    ],
)
def test_what_cannot_be_meant_is_refused(app: Flask, words: tuple[str, ...], told: str) -> None:
    given = ("--to", "b@c.example", "--from", "a@b.example", "--subject", "S", "--text", "T")
    assert told in run(app, "repeats", "add", *words, *given, fails=True)
    assert run(app, "repeats", "list") == ""
    assert "There is no repeat x" in run(app, "repeats", "show", "x", fails=True)
