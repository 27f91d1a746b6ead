"""flask templates and flask send --template: from a file to a mailing, from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.ledger.schema import contents, deliveries, mailings
from mailroom.settings import Settings
from mailroom.web.api.requests.templates import TemplateRequest


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def run(app: Flask, *words: str, fails: bool = False) -> str:
    done = app.test_cli_runner().invoke(args=words)
    assert (done.exit_code != 0) is fails, done.output
    return done.output


def test_one_is_kept_published_shown_sent_with_and_deleted(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "letter.html").write_text("<p>Dear {{ NAME }}</p>")
    words = ["--alias", "hello", "--subject", "Hi {{ NAME }}", "--html", str(tmp_path / "letter.html")]
    uid = (
        run(app, "templates", "add", "Hello", *words, "--variable", "NAME = friend").strip().splitlines()[-1]
    )
    assert f"{uid}  draft  hello  Hello" in run(app, "templates", "list")
    send = ["send", "--from", "me@acme.example", "--to", "ann@mail.example", "--template", "hello"]
    assert "is a draft" in run(app, *send, fails=True)
    assert "Version 1 of Hello" in run(app, "templates", "publish", uid)
    shown = json.loads(run(app, "templates", "show", "hello"))
    assert TemplateRequest.model_validate(shown).subject == "Hi {{ NAME }}"
    assert json.loads(run(app, "templates", "export")) == shown
    assert "Accepted 1 mail" in run(app, *send)
    with app.extensions["mailroom"].database.read() as connection:
        row = connection.execute(
            select(mailings.c.subject, contents.c.html, deliveries.c.variables)
            .join(contents, contents.c.mailing_id == mailings.c.id)
            .join(deliveries, deliveries.c.mailing_id == mailings.c.id)
        ).one()
    assert tuple(row) == ("Hi {{ NAME }}", "<p>Dear {{ NAME }}</p>", {"NAME": "friend"})
    assert "is deleted" in run(app, "templates", "remove", "hello")
    assert "There is no template hello" in run(app, "templates", "show", "hello", fails=True)
    assert "no such template" in run(app, *send, fails=True)


def test_what_cannot_be_kept_is_told(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("{% if %}")
    told = run(app, "templates", "add", "Bad", "--text", str(tmp_path / "letter.txt"), fails=True)
    assert "text: " in told and run(app, "templates", "list") == ""


def test_one_is_written_in_markdown_or_mjml(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Hi {{ NAME }}")
    (tmp_path / "a.mjml").write_text("<mjml>\n<mj-bdy>")
    markdown, mjml = ["--markdown", str(tmp_path / "a.md")], ["--mjml", str(tmp_path / "a.mjml")]
    run(app, "templates", "add", "News", "--alias", "news", *markdown, "--layout", "plain", "--publish")
    shown = json.loads(run(app, "templates", "show", "news"))
    assert shown["markdown"] == "# Hi {{ NAME }}" and "html" not in shown
    assert TemplateRequest.model_validate(shown).markdown == "# Hi {{ NAME }}"
    told = run(app, "templates", "add", "Bad", *mjml, fails=True)
    assert "mjml: Line 2: there is no <mj-bdy>; do you mean <mj-body>?" in told
    assert "Give one of --html" in run(app, "templates", "add", "Bad", *mjml, *markdown, fails=True)
    send = ["send", "--from", "Me <me@acme.example>", "--to", "ann@mail.example", "--subject", "Hi"]
    assert "Line 2: there is no <mj-bdy>" in run(app, *send, *mjml, fails=True)
    (tmp_path / "b.md").write_text("Dear *{{ name }}*")
    assert "Accepted 1 mail" in run(app, *send, "--markdown", str(tmp_path / "b.md"))
    with app.extensions["mailroom"].database.read() as connection:
        text, html = connection.execute(select(contents.c.text, contents.c.html)).one()
    assert text == "Dear {{ name }}\n\n-- \nMe\n" and ">Dear <em>{{ name }}</em></p>" in html
    assert "--layout is of --markdown" in run(app, *send, "--layout", "plain", fails=True)
