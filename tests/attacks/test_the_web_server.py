"""What is tried against a web server: requests that are two things at once, endless, or without a reader.

After every one of them a stranger is answered, and the process is the same.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mailroom.web.request.gate import STRANGERS_LIMIT
from tests.servers import Valkey, wait_until
from tests.web_server import WebServer, read_all, statuses

MEBIBYTE = 1 << 20
HOST = b"Host: x\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST /sign-in HTTP/1.1\r\n" + HOST + FORM
UPLOAD = b"POST /mailings HTTP/1.1\r\n" + HOST + b"Content-Length: 20000000\r\nCookie: "
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
"""What a smuggler hides in a body: it must never be answered as a request of its own."""


@pytest.fixture(scope="module")
def module_env(
    tmp_path_factory: pytest.TempPathFactory, module_valkey: Valkey, _sqlite_template: Path
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("attacks")
    ledger = folder / "mailroom.db"
    ledger.write_bytes(_sqlite_template.read_bytes())
    return {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": f"sqlite:///{ledger}",
        "REDIS_URL": module_valkey.url,
        "MAIL_SERVER": "127.0.0.1",
        "MAILROOM_HOME": str(folder),
    }


@pytest.fixture(scope="module")
def attacked(module_env: dict[str, str]) -> Iterator[WebServer]:
    home = Path(module_env["MAILROOM_HOME"])
    with WebServer(home, module_env, head_seconds=2, patience=2, linger=0.5) as web:
        yield web


@pytest.fixture
def web(attacked: WebServer) -> Iterator[WebServer]:
    before = [child.pid for child in psutil.Process(attacked.process.pid).children()]
    yield attacked
    assert attacked.is_healthy(3)
    assert [child.pid for child in psutil.Process(attacked.process.pid).children()] == before


REFUSED = {
    "a length and chunks": POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and a length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "two lengths in one": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nhello",
    "a length in hex": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length of other digits": POST + "Content-Length: ٥\r\n\r\nhello".encode(),
    "a length of a million digits": POST + b"Content-Length: " + b"9" * 8000 + b"\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "a folded header": POST + b"X-Folded: one\r\n two\r\nContent-Length: 0\r\n\r\n",
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked, then identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /sign-in HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "a bare LF in the head": b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n",
    "only bare LFs": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "a bare CR in a header": b"GET /healthz HTTP/1.1\r\nX: a\rb\r\n\r\n",
    "a NUL in a header": b"GET /healthz HTTP/1.1\r\nX: a\0b\r\n\r\n",
    "no colon": b"GET /healthz HTTP/1.1\r\nHost\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a chunk that is too short": POST + CHUNKED + b"\r\n5\r\nhel\r\n0\r\n\r\n",
    "a chunk that is too long": POST + CHUNKED + b"\r\n2\r\nhello\r\n0\r\n\r\n",
    "a chunk of no size": POST + CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n",
    "a chunk of negative size": POST + CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk's size with 0x": POST + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk's size with _": POST + CHUNKED + b"\r\n1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
    "chunks with bare LFs": POST + CHUNKED + b"\r\n5\nhello\n0\n\n",
    "an endless extension": POST + CHUNKED + b"\r\n5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
    "a bad trailer": POST + CHUNKED + b"\r\n0\r\nno colon\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused_and_ends_the_connection(web: WebServer, name: str) -> None:
    answers = web.say(REFUSED[name] + NEXT, patience=6)
    assert len(statuses(answers)) == 1, answers
    assert statuses(answers)[0] in (400, 414, 431, 501)


IN_CHUNKS = {name: request for name, request in REFUSED.items() if POST + CHUNKED + b"\r\n" in request}
THROWN_AWAY = b"%x\r\n%b\r\n" % (2 * STRANGERS_LIMIT, b"x" * 2 * STRANGERS_LIMIT)


@pytest.mark.parametrize("name", IN_CHUNKS)
def test_it_ends_the_connection_too_where_the_body_is_thrown_away(web: WebServer, name: str) -> None:
    """Nobody looks whether such chunks are well formed, and so not where the next request begins."""
    beginning, _, rest = IN_CHUNKS[name].partition(CHUNKED + b"\r\n")
    answers = web.say(beginning + CHUNKED + b"\r\n" + THROWN_AWAY + rest + NEXT, patience=6)
    assert len(statuses(answers)) == 1, answers
    assert statuses(answers)[0] in (400, 413)


TOO_LARGE = {
    "a long line": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 50_000 + b"\r\n",
    "a head without an end": b"GET / HTTP/1.1\r\n" + b"X-1: x\r\n" * 50_000,
    "no line at all": b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_head_is_no_larger_than_it_may_be(web: WebServer, name: str) -> None:
    assert statuses(web.say(TOO_LARGE[name])) in ([400], [414], [431])


def test_pipelined_requests_are_answered_in_their_order(web: WebServer) -> None:
    body = b"email=a"
    posts = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    last = b"GET /metrics HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert statuses(web.say(NEXT + posts + NEXT * 3 + last)) == [200, 400, 200, 200, 200, 401]


def test_a_thousand_pipelined_requests_keep_nobody_out(web: WebServer) -> None:
    with web.connect(NEXT * 1000):
        assert web.is_healthy(2)


def test_chunks_are_one_body_to_the_application(web: WebServer) -> None:
    key = web.new_key()
    head = b"POST /api/v1/emails HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer %s\r\n" % key.encode()
    mail = b'{"from":"post@mailroom.example","to":"ann@mail.example","subject":"Hello","text":"Hello."}'
    chunks = b"".join(b"%x;a=b\r\n%c\r\n" % (1, byte) for byte in mail) + b"0\r\nX-Trailer: x\r\n\r\n"
    answer = web.say(head + CHUNKED + b"Content-Type: application/json\r\n\r\n" + chunks)
    assert statuses(answer) == [200], answer


def test_http_1_0_is_answered_and_closed(web: WebServer) -> None:
    assert statuses(web.say(b"GET /healthz HTTP/1.0\r\n\r\n")) == [200]


def test_continue_is_said_before_the_body_is_read(web: WebServer) -> None:
    head = POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    with web.connect(head) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert statuses(read_all(client)) == [400]


def test_no_continue_for_what_is_too_large(web: WebServer) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
    assert statuses(web.say(head)) == [413]


def test_a_client_that_closes_its_side_still_gets_its_answers(web: WebServer) -> None:
    with web.connect(NEXT * 3) as client:
        client.shutdown(socket.SHUT_WR)
        assert statuses(read_all(client)) == [200] * 3


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_stranger_makes_us_store_no_more_than_a_stranger_may_send(web: WebServer, framing: str) -> None:
    """Several large bodies at once, from nobody that is known; each is answered when it has been sent."""
    size, step = 8 * MEBIBYTE, MEBIBYTE
    worker = psutil.Process(web.process.pid).children()[0]
    before, answers, most = worker.memory_info().rss, list[bytes](), 0
    home = web.log.parent

    def flood() -> None:
        length = b"Content-Length: %d\r\n" % size if framing == "sized" else CHUNKED
        piece = b"x" * step if framing == "sized" else b"%x\r\n%s\r\n" % (step, b"x" * step)
        with web.connect(POST + length + b"\r\n") as one:
            for _ in range(size // step):
                one.sendall(piece)
            one.sendall(b"" if framing == "sized" else b"0\r\n\r\n")
            one.shutdown(socket.SHUT_WR)
            answers.append(read_all(one))

    threads = [threading.Thread(target=flood) for _ in range(10)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, stored(worker.pid, home))
        time.sleep(0.01)
    assert [statuses(answer) for answer in answers] == [[413]] * 10
    assert most <= 10 * 3 * STRANGERS_LIMIT
    assert worker.memory_info().rss - before < 20 * MEBIBYTE


def stored(pid: int, folder: Path) -> int:
    """Bytes in nameless files that the process holds open below `folder`."""
    total = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if os.readlink(entry).startswith(f"{folder}/") and os.readlink(entry).endswith("(deleted)"):
                total += entry.stat().st_size
    return total


def test_what_known_people_send_is_given_up_when_the_disk_has_had_enough(
    module_env: dict[str, str], tmp_path: Path
) -> None:
    with WebServer(tmp_path, module_env, disk=3 * MEBIBYTE) as web:
        cookie = web.sign_in()[0].encode()
        head = (
            b"POST /mailings HTTP/1.1\r\n"
            + HOST
            + b"Cookie: "
            + cookie
            + b"\r\nContent-Length: 20000000\r\n\r\n"
        )
        worker = psutil.Process(web.process.pid).children()[0]
        with web.connections(10, head) as many:
            for one in many:
                with suppress(OSError):
                    one.sendall(b"x" * MEBIBYTE)
            wait_until(lambda: 0 < stored(worker.pid, Path(module_env["MAILROOM_HOME"])) <= 3 * MEBIBYTE)
            assert web.is_healthy(2)
        wait_until(lambda: stored(worker.pid, Path(module_env["MAILROOM_HOME"])) == 0, what="an empty disk")


def test_uploads_that_are_broken_off_leave_nothing(web: WebServer) -> None:
    cookie = web.sign_in()[0].encode()
    head = (
        b"POST /mailings HTTP/1.1\r\n" + HOST + b"Cookie: " + cookie + b"\r\nContent-Length: 20000000\r\n\r\n"
    )
    worker = psutil.Process(web.process.pid).children()[0]
    home = web.log.parent
    for _ in range(20):
        with web.connect(head) as one:
            one.sendall(b"x" * MEBIBYTE)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: stored(worker.pid, home) == 0 and not clients(worker, web.port), what="their end")


def clients(worker: psutil.Process, port: int) -> int:
    """Connections that the process holds open."""
    return sum(one.laddr.port == port and bool(one.raddr) for one in worker.net_connections())


def test_answers_that_nobody_reads_are_given_up(web: WebServer) -> None:
    worker = psutil.Process(web.process.pid).children()[0]
    asks = b"GET /static/js/live.js HTTP/1.1\r\n" + HOST + b"\r\n"
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", web.port))
        with suppress(OSError):
            deaf.settimeout(5)
            for _ in range(200):
                deaf.sendall(asks * 100)
        assert web.is_healthy(2)
        wait_until(lambda: not clients(worker, web.port), 15, "its end")
