"""Where the drop-in sends to, in somebody else's process with databases and a Redis of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from smtplib import SMTPException

import pytest
from flask import Flask
from sqlalchemy import func, select

import mailroom
from mailroom.database.engine import Database
from mailroom.flask import Away, Mail, NotSetUp
from mailroom.ledger.migrate import upgrade
from mailroom.ledger.schema import mailings
from mailroom.settings import LedgerUrls, SettingsError, ledger_urls, misspelt
from tests.servers import Valkey

THEIRS = {"DATABASE_URL": "postgresql://shop@127.0.0.1:1/shop", "REDIS_URL": "redis://127.0.0.1:1/0"}
OURS = {"MAILROOM_DATABASE_URL": "sqlite:////srv/mail.db", "MAILROOM_REDIS_URL": "redis://127.0.0.1:2/0"}
FOUND = LedgerUrls.model_validate({name.removeprefix("MAILROOM_"): url for name, url in OURS.items()})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*OURS, "MAILROOM_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILROOM_HOME", str(tmp_path))
    return tmp_path


def send(**config: object) -> None:
    app = Flask("shop")
    app.config.update(MAIL_DEFAULT_SENDER="shop@example.com", **config)
    with app.app_context():
        Mail(app).send_message("s", ["ann@example.org"], "t")


def number_in(url: str) -> int:
    database = Database(url)
    with database.read() as connection:
        found = connection.execute(select(func.count()).select_from(mailings)).scalar_one()
    database.dispose()
    return int(found)


def test_ours_come_before_theirs_from_the_configuration_then_the_environment(home: Path) -> None:
    other = {name: url.replace("2", "3") for name, url in OURS.items()}
    assert ledger_urls(THEIRS | OURS, THEIRS | other | {"MAILROOM_HOME": str(home)}) == FOUND
    assert ledger_urls(THEIRS, THEIRS | OURS | {"MAILROOM_HOME": str(home)}) == FOUND
    secret = home / "url"
    secret.write_text(OURS["MAILROOM_REDIS_URL"])
    filed = {**OURS, "MAILROOM_REDIS_URL": "", "MAILROOM_REDIS_URL_FILE": str(secret)}
    assert ledger_urls(THEIRS, THEIRS | filed | {"MAILROOM_HOME": str(home)}) == FOUND


def test_their_names_are_no_misspellings() -> None:
    assert misspelt({**OURS, **{f"{name}_FILE": "/run/secrets/url" for name in OURS}}) == []


def test_a_local_run_comes_before_theirs(home: Path) -> None:
    names = {name.removeprefix("MAILROOM_"): url for name, url in OURS.items()}
    (home / "local.env").write_text("".join(f"{name}={url}\n" for name, url in names.items()))
    assert ledger_urls(THEIRS, THEIRS | {"MAILROOM_HOME": str(home)}) == FOUND


@pytest.mark.parametrize("missing", OURS)
@pytest.mark.parametrize("prefix", ["MAILROOM_", ""])
def test_both_come_from_one_source(home: Path, missing: str, prefix: str) -> None:
    named = {name.replace("MAILROOM_", prefix): url for name, url in OURS.items()}
    left_out = missing.replace("MAILROOM_", prefix)
    config = {name: url for name, url in named.items() if name != left_out}
    with pytest.raises(SettingsError, match=f"^{left_out} is not set where {next(iter(config))} is"):
        ledger_urls(config, named | THEIRS | {"MAILROOM_HOME": str(home)})


def test_a_bad_one_is_named_as_it_was_given() -> None:
    with pytest.raises(NotSetUp, match="^MAILROOM_DATABASE_URL must be like sqlite"):
        send(MAILROOM_DATABASE_URL="mysql://x/y", MAILROOM_REDIS_URL="redis://127.0.0.1:1/0")


def test_without_any_it_says_what_to_set() -> None:
    with pytest.raises(NotSetUp, match="DATABASE_URL is not set.*MAILROOM_API_URL"):
        send()


@pytest.mark.parametrize("where", ["configuration", "environment"])
def test_plain_names_are_read_when_they_name_a_mailroom(
    sqlite_url: str, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    urls = {"DATABASE_URL": sqlite_url, "REDIS_URL": valkey.url}
    for name, url in urls.items() if where == "environment" else ():
        monkeypatch.setenv(name, url)
    send(**(urls if where == "configuration" else {}))
    assert number_in(sqlite_url) == 1


@pytest.mark.parametrize("table", ["", "CREATE TABLE posts (id)", "CREATE TABLE mailings (id, subject)"])
def test_a_database_of_their_own_is_refused_and_left_as_it_is(home: Path, valkey: Valkey, table: str) -> None:
    path = home / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(table)
    with pytest.raises(SMTPException, match="is it migrated.*MAILROOM_DATABASE_URL") as refusal:
        send(DATABASE_URL=f"sqlite:///{path}", REDIS_URL=valkey.url)
    assert isinstance(refusal.value, NotSetUp)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (bool(table),)


def test_a_ledger_that_is_behind_is_named(home: Path, valkey: Valkey) -> None:
    url = f"sqlite:///{home}/old.db"
    upgrade(url, "0001")
    with pytest.raises(Away, match="is it migrated.*migrations behind"):
        send(MAILROOM_DATABASE_URL=url, MAILROOM_REDIS_URL=valkey.url)


SHOP = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import app, jobs, tests
from flask import Flask
from mailroom.flask import Mail
shop = Flask("shop")
shop.config["MAIL_DEFAULT_SENDER"] = "shop@example.com"
with shop.app_context():
    try:
        Mail(shop).send_message("s", ["ann@example.org"], "t")
    except OSError as away:
        print(type(away).__name__)
assert {app.MINE, jobs.MINE, tests.MINE} == {True}
"""


def in_their_process(folder: Path, missing: str, **environment: str) -> str:
    """What an application prints that has names like ours, and only the package `mailroom` beside them."""
    for name in ("app", "jobs", "tests"):
        (folder / f"{name}.py").write_text("MINE = True\n")
    (folder / "mailroom").symlink_to(Path(mailroom.__file__).parent)
    (folder / "shop.py").write_text(SHOP.replace("MISSING", missing))
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=folder,
        env={**os.environ, **environment, "MAILROOM_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_over_the_api_it_needs_no_driver_and_no_queue(tmp_path: Path) -> None:
    drivers = {"rq", "redis", "sqlalchemy", "alembic", "psycopg", "structlog", "liquid", "aiohttp"}
    missing = str(drivers | {"worker", "start"})
    nowhere = {"MAILROOM_API_URL": "http://127.0.0.1:1/api/v1", "MAILROOM_API_KEY": "mr_x"}
    assert in_their_process(tmp_path, missing, **nowhere) == "Away\n"


def test_into_the_same_ledger_it_imports_nothing_from_beside_its_package(
    tmp_path: Path, sqlite_url: str, valkey: Valkey
) -> None:
    urls = {"MAILROOM_DATABASE_URL": sqlite_url, "MAILROOM_REDIS_URL": valkey.url}
    assert in_their_process(tmp_path, str({"alembic", "worker", "start"}), **THEIRS, **urls) == ""
    assert number_in(sqlite_url) == 1
