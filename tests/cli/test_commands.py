from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from mailroom.database.engine import Database
from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import users
from mailroom.web.sign_in import passwords
from tests.no_redis import ANSWERS, NoRedis
from tests.servers import Valkey
from tests.warm_processes import run_python

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(sqlite_url: str) -> Database:
    return Database(sqlite_url)


class Flask:
    """The flask program, run as people run it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**os.environ, **environment}

    def __call__(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return run_python(["-m", "flask", *arguments], self.environment, typed)


@pytest.fixture
def flask(settings_env: dict[str, str]) -> Flask:
    return Flask(settings_env)


def test_a_user_is_added_with_a_password(flask: Flask, database: Database) -> None:
    done = flask("users", "add", "Ann@example.org", typed="correct horse battery\n")
    assert done.returncode == 0 and "ann@example.org may sign in" in done.stdout
    user, _ = passwords.user_of(database, "ann@example.org", "correct horse battery")
    assert user and user.email == "ann@example.org"
    assert (
        "is a user already"
        in flask("users", "add", "ann@example.org", typed="correct horse battery\n").stderr
    )
    assert flask("users", "list").stdout == "ann@example.org\n"


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("ann@example.org", "short\n", "at least 10 characters"), ("ann", "correct horse battery\n", "@-sign")],
)
def test_a_bad_user_is_refused_in_one_line(flask: Flask, email: str, password: str, words: str) -> None:
    done = flask("users", "add", email, typed=password)
    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_removed_user_is_gone(flask: Flask, database: Database) -> None:
    with database.begin() as connection:
        users.add(connection, "ann@example.org", None)
    assert flask("users", "remove", "ann@example.org").returncode == 0
    with database.read() as connection:
        assert users.everybody(connection) == []


def test_doctor_says_what_is_missing(flask: Flask) -> None:
    done = flask("doctor")
    assert done.returncode == 1
    assert "FAIL  workers" in done.stdout and "python worker.py" in done.stdout
    assert "ok    mail server" in done.stdout


def test_doctor_finds_a_redis_that_evicts_jobs(flask: Flask, own_valkey: Valkey) -> None:
    flask.environment["REDIS_URL"] = own_valkey.url
    redis = Redis.from_url(own_valkey.url)
    assert "ok    redis memory no job is evicted" in flask("doctor").stdout
    redis.config_set("maxmemory-policy", "allkeys-lru")
    said = flask("doctor").stdout
    assert "FAIL  redis memory" in said and "allkeys-lru" in said and "noeviction" in said


def test_doctor_shows_no_password(flask: Flask) -> None:
    flask.environment["REDIS_URL"] = "redis://:open-sesame@127.0.0.1:1"
    done = flask("doctor")
    assert "open-sesame" not in done.stdout + done.stderr


def test_send_accepts_a_mailing(flask: Flask, database: Database, tmp_path: Path) -> None:
    table = tmp_path / "guests.csv"
    table.write_text("email,first name\ncleo@example.org,Cleo\n")
    letter = ["--from", "ann@example.org", "--subject", "Hello", "--text", "-"]
    done = flask("send", "--to", "bob@example.org", "--csv", str(table), *letter, typed="How are you?\n")
    assert done.returncode == 0, done.stderr
    with database.read() as connection:
        (mailing,) = mailings.page(connection)
    assert (mailing.total, mailing.subject) == (2, "Hello")
    assert done.stdout.splitlines()[-1].endswith(f"/mailings/{mailing.id}")


def test_send_says_what_is_wrong(flask: Flask) -> None:
    done = flask("send", "--to", "bob", "--subject", "Hello", "--text", "Hi", "--from", "ann@example.org")
    assert done.returncode == 1
    assert "bob" in done.stderr and "Traceback" not in done.stderr


def test_the_ledger_is_made_by_a_command(flask: Flask, tmp_path: Path) -> None:
    flask.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/new.db"
    assert flask("db", "upgrade").stdout == "The ledger is up to date.\n"
    assert flask("users", "list").returncode == 0


def test_a_missing_setting_is_one_line(flask: Flask) -> None:
    del flask.environment["SECRET_KEY"]
    done = flask("users", "list")
    assert done.returncode == 2
    assert done.stderr.startswith("mailroom: SECRET_KEY is not set") and done.stderr.count("\n") == 1


def test_a_mailing_is_sent_though_nobody_reads_the_report_and_redis_is_none(
    flask: Flask, database: Database
) -> None:
    words = ("send", "--from", "ann@example.org", "--to", "bob@example.org", "--subject", "s", "--text", "t")
    with NoRedis(ANSWERS["a web server"]) as url, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words],
            cwd=ROOT,
            env={**flask.environment, "REDIS_URL": url},
            stdout=full,
            stderr=full,
            timeout=60,
        )
    assert done.returncode == 0
    with database.read() as connection:
        assert len(mailings.page(connection)) == 1
