"""What somebody with a key sends as a file of recipients so that it costs: nobody else may notice."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil
import pytest

from tests.attacks.test_the_spreadsheets import REFUSED
from tests.memory import peak_of
from tests.web_server import WebServer, read_all, statuses

MEBIBYTE = 1 << 20
LARGEST = 8
"""MB of a list here; elsewhere 256."""

LETTER = json.dumps({"from": "a@acme.example", "subject": "Hi", "text": "Hi", "purpose": "transactional"})
BEGIN = (
    f'--x\r\nContent-Disposition: form-data; name="mailing"\r\n\r\n{LETTER}\r\n'
    '--x\r\nContent-Disposition: form-data; name="recipients"; filename="guests.csv"\r\n\r\n'
).encode()
END = b"\r\n--x--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=x"}

LISTS: dict[str, Callable[[], bytes]] = {
    "bad rows": lambda: b"email\n" + b"nobody at all,\n" * 150_000,
    "one address, over and over": lambda: b"email\n" + b"ann@mail.example\n" * 300_000,
    "one line": lambda: b"x" * (7 * MEBIBYTE),
    "one open quote": lambda: b'email,"' + b"x@mail.example,\n" * 300_000,
    "wide values": lambda: (
        b"email,note\n"
        + b"".join(b"p%d@mail.example,\xf0\x9f\x98\x80%s\n" % (n, b"x" * 100_000) for n in range(70))
    ),
    "garbage": lambda: os.urandom(7 * MEBIBYTE),
    "garbage behind a heading": lambda: b"email,name\n" + os.urandom(7 * MEBIBYTE),
    "columns": lambda: (b"a," * 3_000_000)[:-1],
    "addresses in a cell": lambda: b"email\n" + b"a@b.example;" * 100_000,
    "blank lines": lambda: b"\n" * (7 * MEBIBYTE),
    "boundaries": lambda: b"\r\n--x\r\n" * 1_000_000,
    "almost boundaries": lambda: b"\r\n--" * 1_900_000,
    "parts": lambda: b'\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' * 100_000,
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[tuple[WebServer, str]]:
    folder = tmp_path_factory.mktemp("web")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    settings = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": f"sqlite:///{folder}/mailroom.db",
        "REDIS_URL": "redis://127.0.0.1:1",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": "1",
        "MAILROOM_HOME": str(folder / "home"),
        "MAILROOM_LARGEST_LIST": str(LARGEST),
    }
    with WebServer(folder, settings, skipped=MEBIBYTE) as web:
        yield web, web.new_key()


def post(web: WebServer, key: str, data: bytes, path: str = "/api/v1/mailings") -> tuple[int, bytes]:
    return web.ask("POST", path, BEGIN + data + END, {**FORM, "Authorization": f"Bearer {key}"}, patience=60)


@pytest.mark.parametrize("name", LISTS)
def test_others_are_answered_and_memory_is_kept(web: tuple[WebServer, str], name: str) -> None:
    server, key = web
    (process,) = psutil.Process(server.process.pid).children()
    data, answers = LISTS[name](), list[tuple[int, bytes]]()
    before, waits = peak_of(process.pid), list[float]()

    thread = Thread(target=lambda: answers.append(post(server, key, data)))
    thread.start()
    while thread.is_alive():
        began = time.monotonic()
        assert server.send_mail(key) == 200
        waits.append(time.monotonic() - began)
        thread.join(0.02)

    ((status, said),) = answers
    assert status in (200, 413, 422) and len(said) < 5_000, said[:300]
    assert max(waits) < 3 and peak_of(process.pid) - before < 60 * MEBIBYTE


def test_what_is_more_than_a_form_may_be_is_read_to_its_end(web: tuple[WebServer, str]) -> None:
    server, key = web
    rows = b"email\n" + b"".join(b"p%d@mail.example\n" % number for number in range(100_000))
    assert len(rows) > MEBIBYTE  # where a body that is thrown away would be cut off
    status, said = post(server, key, rows)
    assert (status, json.loads(said)["total"]) == (200, 100_000)


@pytest.mark.parametrize("path", ["/api/v1/mailings", "/api/v1/mailings/preflight"])
def test_what_is_larger_than_a_list_may_be_is_refused(web: tuple[WebServer, str], path: str) -> None:
    server, key = web
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Type: {FORM['Content-Type']}\r\n"
    endless = (head + "Transfer-Encoding: chunked\r\n\r\n").encode()
    for beginning in (endless, (head + f"Content-Length: {LARGEST * MEBIBYTE + 1}\r\n\r\n").encode()):
        with server.connect(beginning) as connection:
            with suppress(OSError):
                for _ in range(2 * LARGEST):
                    connection.sendall(b"100000\r\n" + b"a@b.example\n" * 87_381 + b"\r\n\r\n\r\n")
            assert statuses(read_all(connection))[:1] == [413]


def test_strangers_and_other_addresses_have_no_such_room(web: tuple[WebServer, str]) -> None:
    server, key = web
    data = BEGIN + b"a@b.example\n" * 1_000 + END
    assert server.ask("POST", "/api/v1/mailings", data * 10, FORM)[0] in (401, 413)
    assert post(server, "mr_" + "x" * 43, b"a@b.example\n" * 10_000)[0] in (403, 413)
    assert post(server, key, b"a@b.example\n", "/api/v1/emails")[0] == 400


@pytest.mark.parametrize("attack", ["a cell at the far end", "very many parts", "cut off"])
def test_a_workbook_that_harms_is_refused_in_a_sentence(web: tuple[WebServer, str], attack: str) -> None:
    server, key = web
    data, words = REFUSED[attack]
    status, said = post(server, key, data)
    assert status == 422 and words in json.loads(said)["message"]
