"""A ledger that was never migrated, is behind or ahead is named in one line, by whatever is started on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from flask import Flask

from app import create_app
from mailroom.database.engine import Database
from mailroom.ledger import migrate
from mailroom.ledger.migrate import alembic_config, upgrade
from mailroom.settings import Settings, load
from tests.warm_processes import run_python
from tests.web_server import WebServer

PROGRAMS = {
    "a worker": ["worker.py"],
    "RQ's own command": ["-m", "rq.cli", "worker", "--worker-class", "mailroom.queue.Worker", "urgent"],
    "submission": ["-m", "mailroom.submission"],
    "flask users list": ["-m", "flask", "users", "list"],
    "flask keys list": ["-m", "flask", "keys", "list"],
    "flask send": ["-m", "flask", "send", "--to", "a@b.example", "--subject", "s", "--text", "t"],
    "flask race": ["-m", "flask", "race"],
}
NEVER = "the ledger was never migrated: run `flask db upgrade`"
BEHIND = "the ledger is 2 migrations behind this Mailroom: run `flask db upgrade`"


def spoil(database: Database, how: str) -> str:
    """Makes it a ledger that does not fit; what is said of it."""
    known = migrate.known_revisions()
    if how == "behind":
        command.downgrade(alembic_config(database.url), known[2])
        return BEHIND
    if how == "never migrated":
        command.downgrade(alembic_config(database.url), "base")
        return NEVER
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    return (
        f"the ledger is ahead of this Mailroom (at 9999, and {known[0]} is the newest known here): "
        "start the newer Mailroom whose `flask db upgrade` brought it there"
    )


@pytest.fixture
def app(settings_env: dict[str, str], database: Database) -> Iterator[Flask]:
    app = create_app(load({**settings_env, "DATABASE_URL": database.url}))
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.mark.parametrize("how", ["never migrated", "behind", "ahead"])
def test_pages_api_probes_and_commands_say_it(app: Flask, database: Database, how: str) -> None:
    words = spoil(database, how)
    sentence = f"{words[0].upper()}{words[1:]}."
    client = app.test_client()
    for path in ("/", "/mailings", "/sign-in", "/metrics"):
        page = client.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 503 and sentence in page.text, path
    answer = client.post("/api/v1/emails", json={})
    assert answer.status_code == 503 and answer.json and answer.json["message"] == sentence
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json and ready.json["parts"]["ledger"] == {"ok": False, "why": words}
    for words_typed in (["doctor"], ["users", "list"]):
        done = app.test_cli_runner().invoke(args=words_typed)
        assert words in done.output + done.stderr and done.exit_code in (1, 2)
        assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("how", ["never migrated", "behind"])
def test_an_upgrade_mends_it_with_no_restart(app: Flask, database: Database, how: str) -> None:
    spoil(database, how)
    client = app.test_client()
    assert client.get("/sign-in").status_code == 503
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
    assert client.get("/sign-in").status_code == 200


def test_one_that_served_goes_on_while_a_newer_release_migrates(app: Flask, database: Database) -> None:
    client = app.test_client()
    assert client.get("/sign-in").status_code == 200
    spoil(database, "ahead")
    assert client.get("/sign-in").status_code == 200


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_start_is_one_line(
    settings: Settings, settings_env: dict[str, str], sqlite_url: str, program: str
) -> None:
    database = Database(sqlite_url)
    words = spoil(database, "behind")
    database.dispose()
    done = run_python(PROGRAMS[program], {**os.environ, **settings_env})
    assert done.stderr.splitlines()[-1:] == [f"mailroom: {words}"] and "Traceback" not in done.stderr
    assert done.returncode == 2


def test_the_web_says_it_at_its_start_and_serves_the_page(
    settings_env: dict[str, str], sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(sqlite_url)
    words = spoil(database, "behind")
    database.dispose()
    with WebServer(tmp_path, settings_env) as web:
        assert f"mailroom: {words}\n" in web.log.read_text()
        status, page = web.ask("GET", "/", headers={"Accept": "text/html"})
        assert status == 503 and b"flask db upgrade" in page
        upgrade(sqlite_url)
        assert web.ask("GET", "/sign-in")[0] == 200
