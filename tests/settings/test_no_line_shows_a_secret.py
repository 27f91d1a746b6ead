"""No line of a log and no traceback shows a secret of the settings, whoever writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from app import create_app
from mailroom.cli.operations.doctor import OF_THE_DOCTOR
from mailroom.log import blotter
from mailroom.settings import FILED, SettingsError, load
from mailroom.web.status.checks import CheckFailed
from tests.settings.test_urls import WHOLE

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY": "Ge'heim\\\"ü#42",
    "DATABASE_URL": "postgresql://ann:Daten%2342@127.0.0.1:1/mailroom",
    "REDIS_URL": "redis://:Redis%2342@127.0.0.1:1/0",
    "MAIL_USERNAME": "ann.on.the.relay",
    "MAIL_PASSWORD": "Post#42",
    "MAILROOM_BOUNCE_PASSWORD": "Rück#42",
}
MEANT = {**SECRETS, "DATABASE_URL": "Daten#42", "REDIS_URL": "Redis#42"}

WRITERS = {
    "a line of ours": "structlog.get_logger().warning('so', about=text)",
    "a line of a library": "logging.getLogger('a.library').warning('so: %s', text)",
    "our exception": """
try: raise ValueError(text)
except ValueError: structlog.get_logger().exception('so')""",
    "a library's exception": """
try: raise ValueError(text)
except ValueError: logging.getLogger('a.library').exception('so')""",
    "a traceback": "raise ValueError(text)",
    "a traceback of a thread": """
def fail(): raise ValueError(text)
thread = threading.Thread(target=fail); thread.start(); thread.join()""",
    "a warning": "warnings.warn(text)",
    "octets": "sys.stderr.buffer.write(text.encode()); sys.stderr.flush()",
    "what Python quotes": "structlog.get_logger().warning('so', about=[text])",
    "click": "import click; click.echo(text, err=True)",
}

PROGRAM = """
import logging, os, sys, threading, warnings
import structlog
from mailroom import log
from mailroom.settings import load
settings = load()
log.configure(settings.log, settings.secrets)
text = {text!r}
{writer}
"""


def test_each_secret_of_the_settings_is_looked_for() -> None:
    assert set(SECRETS) == set(FILED)
    assert load(WHOLE | SECRETS).secrets >= {*SECRETS.values(), *MEANT.values()}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("writer", WRITERS)
def test_it_is_blotted_out(writer: str, form: str) -> None:
    program = PROGRAM.format(
        text=" and ".join([*SECRETS.values(), *MEANT.values()]), writer=WRITERS[writer].strip()
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**WHOLE, **SECRETS, "MAILROOM_LOG": form, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert " and ".join(["***"] * 10) in done.stderr, done.stderr
    for secret in (*SECRETS.values(), *MEANT.values()):
        assert secret not in done.stderr and json.dumps(secret)[1:-1] not in done.stderr, done.stderr


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "written",
    [
        lambda secret: quote(secret, safe=""),
        lambda secret: b64encode(secret.encode()).decode(),
        lambda secret: json.dumps({"about": f"{secret!r} and ' and \""}),
        lambda secret: repr(["' and \"", repr(secret)]),
    ],
    ids=["of a URL", "base64", "JSON of a repr", "repr of a repr"],
)
def test_neither_is_it_shown_in_another_form(name: str, written: Callable[[str], str]) -> None:
    blot = blotter(load(WHOLE | SECRETS).secrets)
    for secret in {SECRETS[name], MEANT[name]}:
        assert secret not in blot(written(secret)) and "***" in blot(written(secret))


def test_auth_plain_is_a_secret_too() -> None:
    line = b64encode(f"\0{SECRETS['MAIL_USERNAME']}\0{SECRETS['MAIL_PASSWORD']}".encode()).decode()
    assert blotter(load(WHOLE | SECRETS).secrets)(f"AUTH PLAIN {line}") == "AUTH PLAIN ***"


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/redis.sock?password=Geheim",
        "rediss://host/0?ssl_password=Geheim",
        "redis://:Geheim@host/0",
    ],
)
def test_a_password_of_a_url_may_stand_in_several_places(url: str) -> None:
    assert "Geheim" in load(WHOLE | {"REDIS_URL": url}).secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_SERVER", "smtp://ann:Geheim@relay.example"),
        ("MAIL_SERVER", "ann:Geheim@relay.example"),
        ("MAILROOM_PUBLIC_URL", "https://ann:Geheim@mail.example/x"),
        ("MAILROOM_SLOW_SERVER", "ann:Geheim@127.0.0.1"),
        ("MAILROOM_WEBHOOK_HOSTS", "http://ann:Geheim@hooks.internal"),
        *((name, "x\ty Geheim") for name in ("DATABASE_URL", "REDIS_URL")),
        ("SECRET_KEY", "Geheim"),
    ],
)
def test_a_refusal_shows_no_login_that_was_put_in_a_wrong_place(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} ") as refusal:
        load(WHOLE | {name: value})
    assert "Geheim" not in str(refusal.value)


def test_the_doctor_says_no_secret_that_a_server_says_again(
    settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"MAIL_USERNAME": SECRETS["MAIL_USERNAME"], "MAIL_PASSWORD": SECRETS["MAIL_PASSWORD"]}

    def refuse(*_: object) -> str:
        raise CheckFailed(f"535 5.7.8 {login['MAIL_PASSWORD']} is no password of {login['MAIL_USERNAME']}")

    monkeypatch.setitem(OF_THE_DOCTOR, "mail server", refuse)
    app = create_app(load(settings_env | login))
    said = app.test_cli_runner().invoke(args=["doctor"]).output
    app.extensions["mailroom"].database.dispose()
    assert "FAIL  mail server 535 5.7.8 *** is no password of ***" in said


def test_json_is_an_object_a_line() -> None:
    writer = "\n".join([WRITERS["a line of ours"], WRITERS["a library's exception"]])
    program = PROGRAM.format(text="it happened", writer=writer)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**WHOLE, "MAILROOM_LOG": "json"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours, theirs = map(json.loads, done.stderr.splitlines())
    assert (ours["event"], ours["about"], ours["level"]) == ("so", "it happened", "warning")
    assert (theirs["event"], theirs["logger"]) == ("so", "a.library")
    assert "ValueError: it happened" in theirs["exception"]
