"""flask report: what became of a mailing, from a shell."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from mailroom.settings import Settings
from tests.web.watching import a_mailing, ledger


def run(app: Flask, *words: str, fails: bool = False) -> str:
    done = app.test_cli_runner().invoke(args=["report", *words])
    assert (done.exit_code != 0) is fails, done.output
    return done.output


def test_in_words_as_json_and_as_files(settings: Settings, tmp_path: Path) -> None:
    app = create_app(settings)
    failed = {"state": State.FAILED, "attempts": 1, "code": 550, "reply": "5.1.1 No such user"}
    mailing_id = a_mailing(ledger(app), {"state": State.SENT, "updated_at": 1}, failed)
    with ledger(app).read() as connection:
        uid = connection.execute(select(mailings.c.uid)).scalar_one()
    words = run(app, str(mailing_id))
    assert "sent                    1   50.0 %" in words and "550 5.1.1 no such user" in words
    assert json.loads(run(app, uid, "--json"))["id"] == uid
    paper, table = tmp_path / "report.pdf", tmp_path / "report.csv"
    assert run(app, uid, "--pdf", str(paper), "--csv", str(table)) == ""
    assert paper.read_bytes().startswith(b"%PDF-") and table.read_text().startswith("part,name,number")
    assert "figure,sent,1,0.5000" in run(app, uid, "--csv", "-")
    assert "there is no mailing 99" in run(app, "99", fails=True)
    assert "there is no mailing x" in run(app, "x", fails=True)
