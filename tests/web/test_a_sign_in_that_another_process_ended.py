"""A sign-in that another process ended is over with the next request, whatever this one has read before."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

LETTER = {"sender": "ann@example.org", "recipients": "bob@example.org", "subject": "Hello", "text": "Come."}

ANOTHER_PROCESS = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as ledger:
    ledger.execute(sys.argv[2])
"""


@pytest.mark.parametrize(
    "ends_it",
    [
        "DELETE FROM sign_ins",
        "UPDATE sign_ins SET expires_at = 1",
        "UPDATE sign_ins SET token_hash = 'of another token'",
    ],
)
def test_it_sends_nothing_any_more(
    app: Flask, client: FlaskClient, csrf: Callable[..., str], ends_it: str
) -> None:
    token, path = csrf(client), app.extensions["mailroom"].database.engine.url.database

    def send() -> int:
        return client.post("/mailings", data={**LETTER, "csrf_token": token}).status_code

    assert send() == send() == 303, "both connections of this process have read of it"
    subprocess.run([sys.executable, "-I", "-c", ANOTHER_PROCESS, path, ends_it], check=True)
    assert send() == 401
    assert client.get("/mailings").headers["Location"].startswith("/sign-in")
    with sqlite3.connect(path) as ledger:
        assert ledger.execute("SELECT count(*) FROM mailings").fetchone() == (2,)
