"""What is tried at the sign-in page: to guess without end, and to keep out who knows the password.

Over the wire, in front of gunicorn as it is set up.

127.0.0.1 is a proxy here; 127.0.0.2 and 127.0.0.3 are anybody's addresses.
"""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.people import users
from mailroom.web.sign_in import passwords
from tests.memory import MEBIBYTE, growing_at_most
from tests.passwords import as_ever
from tests.servers import Valkey
from tests.web_server import OWNER, WebServer

PASSWORD = "correct horse battery"
PROXY, STRANGER, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
MANY = 14
THREADS = 8
"""Of a web process."""


@pytest.fixture(scope="module", params=["http", "https"])
def served(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _valkey: Valkey,
    _sqlite_template: Path,
) -> Iterator[WebServer]:
    """By either scheme of the public address: neither says whom to believe."""
    folder = tmp_path_factory.mktemp("sign-in")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    environment = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": f"sqlite:///{folder}/mailroom.db",
        "REDIS_URL": _valkey.url,
        "MAIL_SERVER": "127.0.0.1",
        "MAILROOM_HOME": str(folder),
        "MAILROOM_PUBLIC_URL": f"{request.param}://mail.example.org",
    }
    database = Database(environment["DATABASE_URL"])
    with database.begin() as connection:
        users.add(connection, OWNER, passwords.hashed(PASSWORD))
    database.dispose()
    cheap = "from tests import passwords\npasswords.cost_little()"
    with WebServer(folder, environment, configuration=cheap) as web:
        yield web


@pytest.fixture
def web(served: WebServer, _valkey: Valkey) -> WebServer:
    _valkey.client.flushall()
    return served


def sign_in(
    web: WebServer,
    password: str,
    address: str,
    lines: list[tuple[str, str]] | None = None,
    email: str = OWNER,
) -> int:
    """The status that somebody gets who sends these header lines with everything."""

    def ask(method: str, body: str = "", *more: tuple[str, str]) -> tuple[int, str, str]:
        connection = HTTPConnection("127.0.0.1", web.port, timeout=20, source_address=(address, 0))
        try:
            connection.putrequest(method, "/sign-in")
            for name, value in (*(lines or []), *more, ("Content-Length", str(len(body)))):
                connection.putheader(name, value)
            connection.endheaders(body.encode())
            answer = connection.getresponse()
            return answer.status, answer.getheader("Set-Cookie", "").partition(";")[0], answer.read().decode()
        finally:
            connection.close()

    _, cookie, page = ask("GET")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    form = urlencode({"email": email, "password": password, "csrf_token": found[1]})
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    return ask("POST", form, ("Cookie", cookie), kind)[0]


LIES: dict[str, Callable[[int], list[tuple[str, str]]]] = {
    "nothing": lambda n: [],
    "X-Forwarded-For": lambda n: [("X-Forwarded-For", f"192.0.2.{n}")],
    "a chain through a proxy": lambda n: [("X-Forwarded-For", f"192.0.2.{n}, 127.0.0.1")],
    "several lines": lambda n: [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", f"192.0.2.{n}")],
    "X_Forwarded_For": lambda n: [("X_Forwarded_For", f"192.0.2.{n}"), ("Remote_Addr", f"192.0.2.{n}")],
    "X-Real-IP": lambda n: [("X-Real-IP", f"192.0.2.{n}")],
    "Forwarded": lambda n: [("Forwarded", f"for=192.0.2.{n}")],
    "other names": lambda n: [
        (name, f"192.0.2.{n}") for name in ("Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")
    ],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_stranger_stays_one_stranger(web: WebServer, lie: str) -> None:
    codes = [sign_in(web, "wrong", STRANGER, LIES[lie](number)) for number in range(MANY)]
    assert codes == [422] * 10 + [429] * (MANY - 10)


BEHIND: dict[str, Callable[[int], str]] = {
    "one address": lambda n: "198.51.100.1",
    "another one claimed each time": lambda n: f"192.0.2.{n}, 198.51.100.1",
    "a proxy claimed": lambda n: f"192.0.2.{n}, 127.0.0.1, 198.51.100.1",
    "another port each time": lambda n: f"198.51.100.1:{1000 + n}",
    "an IPv4 address in IPv6, and not": lambda n: f"{'::ffff:' * (n % 2)}198.51.100.1",
    "another address of one network": lambda n: f"2001:db8::{n + 1:x}",
    "blanks and empty entries": lambda n: f"192.0.2.{n},{' ' * n},198.51.100.1 ,",
    "garbage": lambda n: f"192.0.2.{n}, garbage-{n}",
}


@pytest.mark.parametrize("claim", BEHIND)
def test_behind_a_proxy_a_stranger_stays_one_stranger(web: WebServer, claim: str) -> None:
    codes = [
        sign_in(web, "wrong", PROXY, [("X-Forwarded-For", BEHIND[claim](number))]) for number in range(MANY)
    ]
    assert codes == [422] * 10 + [429] * (MANY - 10)


def test_thirteen_people_behind_one_proxy_are_thirteen(web: WebServer) -> None:
    lines = [[("X-Forwarded-For", f"203.0.113.{number}")] for number in range(13)]
    assert [sign_in(web, PASSWORD, PROXY, line) for line in lines] == [303] * 13


def test_a_stranger_who_guesses_keeps_nobody_out(web: WebServer) -> None:
    for number in range(35):
        sign_in(web, "wrong", STRANGER, LIES["X-Forwarded-For"](number))
    assert sign_in(web, PASSWORD, OTHER) == 303


def test_accounts_that_do_not_exist_are_counted_alike(web: WebServer) -> None:
    codes = [sign_in(web, "wrong", STRANGER, email=f"nobody{n}@example.org") for n in range(MANY)]
    assert codes == [422] * 10 + [429] * (MANY - 10)


def test_a_path_that_a_header_names_is_not_taken(web: WebServer) -> None:
    for name in ("SCRIPT_NAME", "PATH_INFO", "Script-Name", "X-Forwarded-Prefix"):
        with socket.create_connection(("127.0.0.1", web.port), 10) as client:
            client.sendall(f"GET /metrics HTTP/1.0\r\n{name}: /healthz\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.0 401")


def test_a_guess_in_each_thread_takes_no_half_a_gigabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 takes 64 MiB, for strangers too: eight at once made a process larger by 512."""
    monkeypatch.setattr(passwords, "_hasher", as_ever)
    known = passwords.hashed("what is loaded once")
    guesses = [threading.Thread(target=passwords.matches, args=(known, "guess")) for _ in range(THREADS)]
    with growing_at_most(200 * MEBIBYTE):
        for guess in guesses:
            guess.start()
        for guess in guesses:
            guess.join()
