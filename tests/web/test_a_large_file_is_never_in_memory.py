"""A file of 25 MB in the form: on its way into the ledger no web process has it as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from mailroom.database.engine import Database
from mailroom.ledger.schema import mailings
from tests.memory import peak_of
from tests.web import watching
from tests.web_server import WebServer

MEBIBYTE = 1 << 20
FILE = 25 * 1_000_000
BOUNDARY = "a-boundary-of-a-test"


def form(fields: dict[str, str], file: bytes) -> bytes:
    parts = [f'name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts.append(
        b'name="attachments"; filename="film.bin"\r\nContent-Type: video/mp4\r\n\r\n' + file + b"\r\n"
    )
    begin = f"--{BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    return begin + begin.join(parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_web_process_grows_by_less_than_the_file(
    request: pytest.FixtureRequest, settings_env: dict[str, str], tmp_path: Path, kind: str
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    files = [os.urandom(FILE) for _ in range(2)]
    with WebServer(tmp_path, {**settings_env, "DATABASE_URL": url}) as web:
        (process,) = psutil.Process(web.process.pid).children()
        cookie, csrf = web.sign_in()
        before = peak_of(process.pid)
        for file in files:
            fields = {
                "sender": "post@mailroom.example",
                "recipients": "ann@mail.example",
                "subject": "A film",
                "text": "Here it is.",
                "csrf_token": csrf,
            }
            kind_of_body = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Cookie": cookie}
            status, _ = web.ask("POST", "/mailings", form(fields, file), kind_of_body, patience=60)
            assert status == 303
        assert peak_of(process.pid) - before < 20 * MEBIBYTE
    database = Database(url)
    with database.read() as connection:
        ids = connection.execute(select(mailings.c.id).order_by(mailings.c.id)).scalars().all()
        kept = [watching.files_of(connection, mailing_id)[0].data for mailing_id in ids]
    database.dispose()
    assert kept == files
