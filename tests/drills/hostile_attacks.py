"""What whoever has a key, or none, tries in order to hold up everybody else: a line in ATTACKS each.

Nothing here is timed: the drill times what innocent people do meanwhile.
"""

from __future__ import annotations

import json
import smtplib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.drills.doors import Doors

HIDDEN = "{{% if plan == 'hidden' %}}{}{{% endif %}}Hello {{{{ name | upcase }}}}"
"""The recipients that are tried at Send are not those whom it is for."""


def hidden(template: str) -> str:
    return HIDDEN.format(template)


def loop(body: str, times: int = 9_999) -> str:
    return f"{{% for i in (1..{times}) %}}{body}{{% endfor %}}"


def mailing(size: int, **texts: str) -> dict[str, Any]:
    """A mailing of which the recipients that are not tried have what makes it dear."""
    tried = {(size - 1) * place // 9 for place in range(10)}
    people = [
        {
            "address": f"hostile{number}@mail.example",
            "variables": {"plan": "gold" if number in tried else "hidden", "big": "x" * 2_000},
        }
        for number in range(size)
    ]
    return {"from": "eve@hostile.example", "subject": "Hi", "text": "Hi", "recipients": people} | texts


Act = Callable[[Doors, int], int]
"""Does it, for so many recipients; how many were accepted."""


@dataclass(frozen=True)
class Attack:
    """`act` asserts that it was answered as it must be."""

    what: str
    act: Act


def posted(body: Callable[[int], dict[str, Any]], answer: int = 200) -> Act:
    """A mailing by the API."""

    def act(doors: Doors, size: int) -> int:
        mailing = body(size)
        assert doors.post("/mailings", json.dumps(mailing).encode()) == answer
        return len(mailing["recipients"]) if answer == 200 else 0

    return act


def template(source: str, size: int | None = None) -> Act:
    """In text and HTML, for those who are not tried."""
    return posted(lambda given: mailing(size or given, text=hidden(source), html=hidden(source)))


def failing_last(size: int) -> dict[str, Any]:
    """Subject and text are as much work as each may be, and then the HTML is more: batches of which no
    mail gets as far as the server.
    """
    dear = hidden(loop("{% assign n = i | plus: 1 %}", 7_000))
    html = hidden(loop("{% if true %}{% endif %}" * 90))
    return mailing(max(size, 1_000), subject=dear, text=dear, html=html)


def refused(path: str, body: Callable[[], bytes]) -> Act:
    """A request to the API that is answered with a mistake."""

    def act(doors: Doors, size: int) -> int:
        status = doors.post(path, body())
        assert 400 <= status < 500, status
        return 0

    return act


def letter(**other: object) -> bytes:
    mail = {"from": "eve@hostile.example", "to": "ann@mail.example", "subject": "Hi", "text": "Hi"}
    return json.dumps(mail | other).encode()


def submitted(header: Callable[[], bytes], times: int = 6) -> Act:
    """Messages by SMTP, several at once; what is answered is not looked at, but something must be."""

    def one(doors: Doors) -> int:
        with smtplib.SMTP("127.0.0.1", doors.submission_port, timeout=60) as client:
            client.login("mailroom", doors.key)
            client.mail("eve@hostile.example")
            client.rcpt("hostile-by-smtp@mail.example")
            return client.data(header() + b"\r\n\r\nHi\r\n")[0]

    def act(doors: Doors, size: int) -> int:
        with ThreadPoolExecutor(times) as crowd:
            codes = list(crowd.map(lambda _: one(doors), range(times)))
        assert all(code == 250 or 500 <= code < 600 for code in codes), codes
        return codes.count(250)

    return act


def from_eve(more: bytes) -> bytes:
    return b"From: eve@hostile.example\r\nSubject: Hi\r\n" + more


def list_of_a_person(heading: str, rows: int = 3) -> Act:
    """A CSV file in the form."""

    def act(doors: Doors, size: int) -> int:
        line = ",".join("x" for _ in heading.split(","))
        doors.compose({"recipients_file": ("people.csv", "\n".join([heading, *[line] * rows]).encode())})
        return 0

    return act


def idle_strangers(door: Callable[[Doors], int], number: int, beginning: bytes) -> Act:
    """Connections that say something, and then nothing, for as long as all other attacks take."""

    def act(doors: Doors, size: int) -> int:
        for _ in range(number):
            with suppress(OSError):
                connection = doors.held.enter_context(
                    socket.create_connection(("127.0.0.1", door(doors)), timeout=5)
                )
                connection.sendall(beginning)
        return 0

    return act


HALF_A_HEAD = b"POST /sign-in HTTP/1.1\r\nHost: mailroom.example\r\n"
HALF_A_BODY = HALF_A_HEAD + b"Content-Length: 1000\r\n\r\nemail="

ATTACKS = [
    Attack("half a head", idle_strangers(lambda doors: doors.web.port, 60, HALF_A_HEAD)),
    Attack("half a body", idle_strangers(lambda doors: doors.web.port, 60, HALF_A_BODY)),
    Attack(
        "strangers who say nothing by SMTP", idle_strangers(lambda doors: doors.submission_port, 400, b"")
    ),
    Attack("all that a mail may, and then more", posted(failing_last)),
    Attack("split, sort, first", template(loop("{% assign a = big | split: '' | sort | first %}", 2_500))),
    Attack("a range, sorted", template("{{ (1..100000000) | sort | size }}")),
    Attack("a range, reversed", template("{% for i in (1..100000000) reversed %}{{ i }}{% endfor %}")),
    Attack("as much work as one mail may", template(loop("{{ i | plus: 1 }}", 5_500))),
    Attack("conditions that say nothing", template(loop("{% if true %}{% endif %}" * 90))),
    Attack("a large text for each", template(loop("{{ big }}", 500))),
    Attack(
        "a small mailing of the same",
        lambda doors, size: template(loop("{{ i | plus: 1 }}", 5_500))(doors, 20),
    ),
    Attack("a loop for everybody", posted(lambda size: mailing(size, text=loop("x", 10**9)), 422)),
    Attack("tags without end", posted(lambda size: mailing(size, text="{{ a|b }}" * 90_000), 422)),
    Attack("a field of blanks", submitted(lambda: from_eve(b"To: " + b"a " * 24_000))),
    Attack("comments within comments", submitted(lambda: from_eve(b"To: " + b"(" * 24_000))),
    Attack("commas", submitted(lambda: from_eve(b"To: " + b"a@b.example, " * 4_000))),
    Attack("encoded words", submitted(lambda: from_eve(b"To: " + b"=?utf-8?q?=C3?= " * 3_000))),
    Attack("fields without end", submitted(lambda: from_eve(b"X: y\r\n" * 30_000))),
    Attack("zeros as recipients", refused("/emails", lambda: letter(to=[0] * 500_000))),
    Attack("lists within lists", refused("/emails", lambda: b'{"to":' + b"[" * 500_000)),
    Attack("zeros as mails", refused("/emails/batch", lambda: b"[" + b"0," * 500_000 + b"0]")),
    Attack("names of fields", refused("/emails", lambda: letter(**{f"x{n}": 0 for n in range(100_000)}))),
    Attack("a heading of one name", list_of_a_person(",".join(["email"] * 16_000))),
    Attack("a heading of many names", list_of_a_person(",".join(f"n{n}" for n in range(16_000)))),
]
