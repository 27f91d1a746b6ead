"""No line of a log and no traceback shows a secret of the settings, whoever writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mailroom.settings import FILED, load
from tests.settings.test_urls import WHOLE

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY": "Ge'heim\\\"ü#42",
    "DATABASE_URL": "postgresql://ann:Daten%2342@127.0.0.1:1/mailroom",
    "REDIS_URL": "redis://:Redis%2342@127.0.0.1:1/0",
    "MAIL_USERNAME": "ann.on.the.relay",
    "MAIL_PASSWORD": "Post#42",
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
