"""What somebody tries who holds a key that may send as news@acme.example, and as nobody else.

Each attack is handed in by SMTP, and by the API as a whole message. It is refused for good, or what
leaves has no author but the allowed one, and no header that was not there.
"""

from __future__ import annotations

import shutil
import smtplib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from app import create_app
from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import mailings, originals
from mailroom.settings import load
from tests.api.conftest import Client
from tests.content.readers import field_names, naive_authors, strict_authors
from tests.servers import Valkey, wait_until
from tests.submission.conftest import Submission

MINE = "news@acme.example"

ANOTHER_AUTHOR = {
    "an encoded comma, and a raw letter that has the field written anew": (
        "From: =?utf-8?q?Boss_=3Cboss=40bank=2Eexample=3E=2C_?= é <news@acme.example>"
    ),
    "the same without the raw letter": (
        "From: =?utf-8?q?Boss_=3Cboss=40bank=2Eexample=3E=2C_?= <news@acme.example>"
    ),
    "the same in base64": "From: =?utf-8?b?Qm9zcyA8Ym9zc0BiYW5rLmV4YW1wbGU+LA==?= <news@acme.example>",
    "the same in UTF-7": "From: =?utf-7?q?Boss_+ADw-boss+AEA-bank.example+AD4-,?= <news@acme.example>",
    "cut in two words": "From: =?utf-8?q?boss=40?= =?utf-8?q?bank=2Eexample=2C?= <news@acme.example>",
    "within quotes": 'From: "=?utf-8?q?boss=40bank=2Eexample=22=2C?=" <news@acme.example>',
    "blanks within the brackets": 'From: "ceo@victim.example" < news@acme.example >',
    "a comment within the brackets": 'From: "ceo@victim.example" <(x)news@acme.example>',
    "an escaped quote before a quote": r'From: "x\" <boss@bank.example>, " <news@acme.example>',
    "a question mark in an encoded-word": (
        'From: "=?utf-8?q?=22=3Cboss=40bank.example=3E=2C=22?x?=" <news@acme.example>'
    ),
    "a blank in a charset": 'From: "=? utf-8?q?=22_=3Cboss=40bank.example=3E=2C_=22?=" <news@acme.example>',
    "no charset": 'From: "=??q?=22boss=40bank.example=2C=22?=" <news@acme.example>',
    "a charset that is too long": (
        'From: "=?' + "x" * 61 + '?q?=22boss=40bank.example=2C=22?=" <news@acme.example>'
    ),
    "an encoded-word that does not end": 'From: "=?utf-8?q?=3Cboss=40bank.example=3E,_" <news@acme.example>',
    "base64 after its end": "From: =?utf-8?b?QQ==PGJvc3NAYmFuay5leGFtcGxlPiwg?= <news@acme.example>",
    "two equals signs": "From: =?utf-8?q?boss==40bank.example=2C?= <news@acme.example>",
    "another set of characters that goes on": (
        "From: =?iso-2022-jp?q?=1B=24B?= =?iso-2022-jp?q?=3Cboss=40bank.example=3E=2C_?= <news@acme.example>"
    ),
    "a charset that few know": "From: =?hz?q?~{?= =?hz?q?=3Cboss=40bank.example=3E=2C?= <news@acme.example>",
    "a charset of mainframes": "From: =?cp875?b?TIKWoqJ8goGVkkuFp4GUl5OFbms=?= <news@acme.example>",
    "escapes of a programming language": (
        'From: "=?unicode_escape?q?=5Cx3cboss=5Cx40bank.example=5Cx3e?=" <news@acme.example>'
    ),
    "an encoded-word over two lines": (
        "From: =?utf-8?q?=\r\n 3Cboss=\r\n 40bank.example=\r\n 3E=\r\n 2C?= <news@acme.example>"
    ),
    "an encoded-word in an encoded-word": (
        "From: =?utf-8?q?=3D=3Futf-8=3Fq=3F=3D3Cboss=3D40bank.example=3D3E=3D2C=3F=3D?= <news@acme.example>"
    ),
    "an encoded bracket": "From: =?utf-8?q?=3Cboss=2E?= <news@acme.example>",
    "an encoded line end": "From: =?gbk?B?DQo=?= <news@acme.example>",
    "a full-width @": "From: =?utf-8?q?boss=EF=BC=A0bank.example=2C?= <news@acme.example>",
    "quotes that are encoded": (
        'From: =?utf-8?q?=22?= "=?utf-8?q?=22?= <boss@bank.example>, " <news@acme.example>'
    ),
    "blanks and comments around the @": (
        "From: =?utf-8?q?boss_=40_=28x=29bank_=2E_example=2C?= <news@acme.example>"
    ),
    "quotes that are escaped": r'From: "x\" <boss@bank.example>, \"" <news@acme.example>',
    "an address as the name of another": "From: news@acme.example <ceo@victim.example>",
    "the same the other way round": "From: ceo@victim.example <news@acme.example>",
    "two pairs of brackets": "From: <news@acme.example> <ceo@victim.example>",
    "a route": "From: <@news.acme.example,@acme.example:ceo@victim.example>",
    "a comment between": "From: news@acme.example (<ceo@victim.example>)",
    "a comment that does not end": "From: news@acme.example (, ceo@victim.example",
    "a comment in a comment": "From: news@acme.example ((a) <ceo@victim.example>)",
    "a group": "From: Us: news@acme.example, ceo@victim.example;",
    "a semicolon": "From: news@acme.example; ceo@victim.example",
    "a second author": "From: news@acme.example, ceo@victim.example",
    "a second author without a comma": "From: news@acme.example ceo@victim.example",
    "two @": "From: ceo@victim.example@acme.example",
    "a quoted local part": 'From: "ceo@victim.example"@acme.example',
    "blanks around the @": "From: ceo @ victim.example",
    "a NUL": "From: news@acme.example\0, ceo@victim.example",
    "a bare CR": "From: news@acme.example\rFrom: ceo@victim.example",
    "a bare LF": "From: news@acme.example\nFrom: ceo@victim.example",
    "another From": "From: news@acme.example\r\nFrom: ceo@victim.example",
    "another From, with a blank before its colon": "From: news@acme.example\r\nFrom : ceo@victim.example",
    "another From, in capitals": "From: news@acme.example\r\nFROM: ceo@victim.example",
    "another From on a line of blanks": "From: news@acme.example\r\n \r\nFrom: ceo@victim.example",
    "a Sender": "From: news@acme.example\r\nSender: ceo@victim.example",
    "a Sender that is encoded": (
        "From: news@acme.example\r\nSender: =?utf-8?q?ceo=40victim=2Eexample=2C?= é <news@acme.example>"
    ),
    "two Senders in one": "From: news@acme.example\r\nSender: news@acme.example, <news@acme.example>",
    "it is sent again by": "From: news@acme.example\r\nResent-From: ceo@victim.example",
    "it is sent again by, a second time": (
        "From: news@acme.example\r\nResent-From: news@acme.example\r\nResent-From: ceo@victim.example"
    ),
    "it is sent again through": "From: news@acme.example\r\nResent-Sender: ceo@victim.example",
    "an Author": "From: news@acme.example\r\nAuthor: ceo@victim.example",
    "an envelope line": "From ceo@victim.example Mon Jan  1 00:00:00 2029\r\nFrom: news@acme.example",
    "another script's full stop": "From: ceo@victim.example\u3002 <news@acme.example>",
    "an address in another script's domain": "From: ceo@vïctim.example, <news@acme.example>",
}

ANOTHER_HEADER = {
    "an encoded line end, and a raw letter": "Subject: é =?utf-8?q?=0D=0AFrom:_ceo=40victim.example?=",
    "an encoded line end alone": "Subject: =?utf-8?q?Hi=0D=0ABcc:_eve=40victim.example?=",
    "the end of headers": "Subject: é =?utf-8?b?DQoNCjxoMT5Gb3JnZWQ8L2gxPg==?=",
    "an encoded LF": "X-Note: é =?utf-8?q?=0AFrom:_ceo=40victim.example?=",
    "an encoded CR": "Comments: é =?utf-8?q?=0DFrom:_ceo=40victim.example?=",
    "other line ends of Unicode": "Subject: a\u2028From: ceo@victim.example\u0085Sender: ceo@victim.example",
    "other line ends of ASCII": "Subject: a\x0bFrom: ceo@victim.example\x0cSender: ceo@victim.example\x1e",
    "a bare CR": "Subject: a\rSender: ceo@victim.example",
    "two CR": "Subject: a\r\r\nSender: ceo@victim.example",
    "a NUL": "Subject: a\0\r\n\0Sender: ceo@victim.example",
    "a To with an encoded line end": (
        "To: =?utf-8?q?Ann=0D=0AFrom:_ceo=40victim.example?= é <bob@example.org>"
    ),
    "a file name with one": (
        'Content-Type: text/plain; name="é\r\n =?utf-8?q?=0D=0AFrom:_ceo=40victim.example?="'
    ),
    "a parameter with one by RFC 2231": (
        "Content-Disposition: inline; filename*=utf-8''%0D%0AFrom:%20x@victim.example; a=é"
    ),
    "a line that must be folded": "X-Note: " + "a " * 500 + "\tFrom: ceo@victim.example " + "b " * 500,
    "a run of blanks": "X-Note: a" + " " * 1500 + "From: ceo@victim.example",
    "a run of blanks that is too long": "X-Note: a" + " " * 5000 + "From: ceo@victim.example",
    "a raw letter in a long line": "X-Note: é" + " a" * 900 + " From: ceo@victim.example",
}

NOT_THEIRS_TO_SAY = {
    "a signature of somebody else": "DKIM-Signature: v=1; a=rsa-sha256; d=victim.example; s=x; b=AA==",
    "a signature of two": "DKIM-Signature: v=1; d=acme.example; b=AA==; d=victim.example",
    "an old signature": "DomainKey-Signature: a=rsa-sha1; d=victim.example; b=AA==",
    "what a receiver found": "Authentication-Results: mx.victim.example; dkim=pass header.d=victim.example",
    "what a receiver found of SPF": "Received-SPF: pass (mx.victim.example)",
    "a sealed chain": "ARC-Seal: i=1; cv=none; d=victim.example; b=AA==",
    "what the chain says": "ARC-Authentication-Results: i=1; mx.victim.example; dkim=pass",
}

MADE_TO_COST = {
    "an address list of blanks": "To: " + "a " * 24_000,
    "an address list of quotes": 'To: "' + '\\"' * 24_000,
    "an author of blanks": "From: " + "a " * 24_000,
    "an author of quotes": 'From: "' + '\\"' * 24_000,
    "an author of comments": "From: " + "(" * 24_000,
    "an author of empty words": "From: " + "=?utf-8?q??= " * 4_000,
    "an author of dots": "From: a@b, .c@d",
    "a run of blanks": "From: a" + " " * 48_000 + "b",
    "a type of semicolons": "Content-Type: text/plain" + ';"' * 24_000,
    "a type of slashes": "Content-Type: " + "/" * 48_000 + " x",
    "a file's name in pieces": "Content-Disposition: attachment"
    + "".join(f";\r\n filename*{number}*=%41" for number in range(9_000)),
    "a file's name of encoded words": 'Content-Type: text/plain; name="' + "=?utf-8?q?x?=\r\n " * 9_000 + '"',
    "names of charsets": "Subject: " + " ".join(f"=?x{n}?q?a?=" for n in range(4_000)),
    "more than any header needs": "X-Note: " + "a " * 200_000,
    "charsets that are none": "Subject: =?zlib?q?a?= =?rot13?q?a?= =?hex?b?YQ==?= =?undefined?q?a?=",
    "domains in other scripts": "To: " + ",".join(f"b@\u00fc{number}.example" for number in range(14_000)),
    "authors": "From: news@acme.example" + ",\r\n news@acme.example" * 10_000,
    "raw letters": "Subject: " + "é " * 24_000,
    "a raw letter in each name": "To: " + "é <b@example.org>," * 2_000,
}


@dataclass
class Door:
    """A submission process, and a key that may send as news@acme.example."""

    submission: Submission
    key: str
    ledger: Database
    environment: dict[str, str]

    def hand_in(self, head: str, body: str = "Hi\r\n") -> bytes | None:
        """What leaves; None when it is refused for good."""
        message = whole(head, body)
        with smtplib.SMTP("127.0.0.1", self.submission.port, timeout=30) as client:
            client.login("anybody", self.key)
            client.mail(MINE)
            client.rcpt("bob@example.org")
            code, words = data(client, message)
        if code in (550, 554):
            return None
        assert code == 250, words
        return leaving(self.ledger, words.decode().rpartition(" ")[2])


@dataclass
class ApiDoor:
    """The same by the API."""

    client: Client
    key: str

    def hand_in(self, head: str, body: str = "Hi\r\n") -> bytes | None:
        message = b64encode(whole(head, body)).decode()
        fields = {"from": MINE, "recipients": ["bob@example.org"], "message": message}
        answer = self.client.post("/emails/raw", json=fields, key=self.key)
        if answer.status_code in (403, 422):
            return None
        assert answer.status_code == 200, answer.get_json()
        return leaving(self.client.database, answer.get_json()["id"])


def whole(head: str, body: str) -> bytes:
    if not head.lower().startswith("from"):
        head = f"From: {MINE}\r\n{head}"
    return f"{head}\r\n\r\n{body}".encode("utf-8", "surrogateescape")


def leaving(ledger: Database, uid: str) -> bytes:
    with ledger.read() as connection:
        joined = originals.join(mailings, mailings.c.id == originals.c.mailing_id)
        statement = select(originals.c.data).select_from(joined).where(mailings.c.uid == uid)
        return bytes(connection.execute(statement).scalar_one())


def data(client: smtplib.SMTP, message: bytes) -> tuple[int, bytes]:
    """As smtplib does it, but for the line ends, which it would mend."""
    assert client.docmd("DATA")[0] == 354
    client.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return client.getreply()


def end(door: Door, key: str) -> None:
    with door.ledger.begin() as connection:
        found = api_keys.find(connection, key)
        assert found is not None and api_keys.revoke(connection, found.id)


@pytest.fixture
def key(door: Door) -> str:
    """One of this test's own."""
    with door.ledger.begin() as connection:
        return api_keys.add(connection, "to be revoked", scopes=["send"], senders=[MINE])[0]


@pytest.fixture(scope="module")
def door(
    _sqlite_template: Path, module_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    url = f"sqlite:///{folder / 'mailroom.db'}"
    environment = {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": url,
        "REDIS_URL": module_valkey.url,
    }
    environment |= {"MAIL_SERVER": "127.0.0.1", "MAILROOM_HOME": str(folder / "home")}
    submission = Submission(folder, environment)
    wait_until(submission.is_ready, 20, "submission")
    ledger = Database(url)
    with ledger.begin() as connection:
        key, _ = api_keys.add(connection, "bound", scopes=["send"], senders=[MINE])
    yield Door(submission, key, ledger, environment)
    submission.stop()
    ledger.dispose()


@pytest.fixture(scope="module")
def api_door(door: Door) -> Iterator[ApiDoor]:
    """On the same ledger, with the same key."""
    client = Client(create_app(load(door.environment)))
    yield ApiDoor(client, door.key)
    client.database.dispose()


@pytest.fixture(params=["door", "api_door"])
def either(request: pytest.FixtureRequest) -> Door | ApiDoor:
    found: Door | ApiDoor = request.getfixturevalue(request.param)
    return found


def test_honest_mail_passes(either: Door | ApiDoor) -> None:
    wire = either.hand_in(f'From: "Jörg @ Acme" <{MINE}>\r\nTo: bob@example.org\r\nSubject: Grüße')
    assert wire is not None and strict_authors(wire) == {MINE}


@pytest.mark.parametrize("head", ANOTHER_AUTHOR.values(), ids=ANOTHER_AUTHOR)
def test_nobody_else_is_its_author(either: Door | ApiDoor, head: str) -> None:
    wire = either.hand_in(f"{head}\r\nSubject: s")
    if wire is not None:
        assert strict_authors(wire) == naive_authors(wire) == {MINE}
        assert b"victim.example" not in wire and b"bank" not in wire


@pytest.mark.parametrize("head", ANOTHER_HEADER.values(), ids=ANOTHER_HEADER)
def test_no_header_is_there_that_was_not(either: Door | ApiDoor, head: str) -> None:
    wire = either.hand_in(head)
    if wire is not None:
        name = head.partition(":")[0].lower()
        added = {
            "received",
            "date",
            "message-id",
            "mime-version",
            "content-transfer-encoding",
            "content-type",
        }
        assert sorted(set(field_names(wire)) - added - {name}) == ["from"]
        assert strict_authors(wire) == naive_authors(wire) == {MINE}
        assert wire.endswith(b"\r\n\r\nHi\r\n")
        assert all(line.strip() for line in wire.partition(b"\r\n\r\n")[0].split(b"\r\n"))


@pytest.mark.parametrize("head", NOT_THEIRS_TO_SAY.values(), ids=NOT_THEIRS_TO_SAY)
def test_it_does_not_say_what_others_would(either: Door | ApiDoor, head: str) -> None:
    wire = either.hand_in(head)
    assert wire is None or b"victim" not in wire


def test_its_own_signature_stays(either: Door | ApiDoor) -> None:
    wire = either.hand_in("DKIM-Signature: v=1; a=rsa-sha256; d=acme.example;\r\n s=x; b=AA==")
    assert (
        wire is not None and b"\r\nDKIM-Signature: v=1; a=rsa-sha256; d=acme.example;\r\n s=x; b=AA==" in wire
    )


@pytest.mark.parametrize("head", MADE_TO_COST.values(), ids=MADE_TO_COST)
def test_a_message_that_is_made_to_cost_is_answered(door: Door, either: Door | ApiDoor, head: str) -> None:
    """At all: each of these took minutes, or an answer that has the client try again for ever."""
    either.hand_in(head)
    assert "Traceback" not in door.submission.log()


MADE_OF = {
    "line ends": b"\r\n",
    "short lines": b"x\r\n",
    "dots": b"..\r\n",
    "letters of eight bits": b"\xe9\r\n",
}
LARGE = 6_000_000
MOST_GROWN = 150
"""Megabytes: that many octets of line ends were three million objects, and half a gigabyte."""


@pytest.mark.parametrize("line", MADE_OF.values(), ids=MADE_OF)
def test_a_message_of_very_short_lines_is_taken_at_its_size(door: Door, line: bytes) -> None:
    before = most_memory(door)
    wire = door.hand_in(f"From: {MINE}", (line * (LARGE // len(line))).decode("latin-1"))
    assert wire is not None and len(wire) >= LARGE // 2
    assert most_memory(door) - before < MOST_GROWN


def most_memory(door: Door) -> int:
    """Megabytes that the process has had at most."""
    status = Path(f"/proc/{door.submission.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


REVOKED_WHEN = ("before MAIL", "before RCPT", "before DATA", "while its message comes")


@pytest.mark.parametrize("when", REVOKED_WHEN)
def test_a_revoked_key_s_open_connection_hands_in_nothing(door: Door, key: str, when: str) -> None:
    steps: dict[str, Callable[[smtplib.SMTP], tuple[int, bytes]]] = {
        "before MAIL": lambda client: client.mail(MINE),
        "before RCPT": lambda client: client.rcpt("bob@example.org"),
        "before DATA": lambda client: client.docmd("DATA"),
    }
    before = accepted(door)
    with smtplib.SMTP("127.0.0.1", door.submission.port, timeout=30) as client:
        client.login("anybody", key)
        for name, step in steps.items():
            if name == when:
                end(door, key)
            code, words = step(client)
        if code == 354:
            end(door, key)
            client.send(f"From: {MINE}\r\n\r\nHi\r\n.\r\n")
            code, words = client.getreply()
        assert (code, b"not active" in words) == (535, True)
    assert accepted(door) == before


def test_a_connection_signs_in_once(door: Door, key: str) -> None:
    """So that a key with a higher rate, or other senders, is not taken up in the middle."""
    with smtplib.SMTP("127.0.0.1", door.submission.port, timeout=30) as client:
        client.login("anybody", key)
        words = b64encode(f"\0anybody\0{door.key}".encode()).decode()
        assert client.docmd("AUTH", f"PLAIN {words}")[0] == 503


def accepted(door: Door) -> int:
    with door.ledger.read() as connection:
        return len(connection.execute(select(mailings.c.id)).all())
