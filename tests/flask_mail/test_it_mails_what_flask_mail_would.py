"""The same messages three ways to one server: Flask-Mail itself, and Mailroom by ledger and by API.

What arrives is compared: envelope, header, structure, and every part decoded.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import flask_mail
import pytest
from flask import Flask

import mailroom.flask
from app import create_app
from mailroom.ledger.people import api_keys
from mailroom.settings import load
from mailroom.sink.record import RecordedMessage
from tests.servers import Valkey
from tests.serving import served
from tests.system import System
from tests.warm_sink import WarmSink

PNG = bytes(range(256)) * 5
EVENT = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
LETTER = b"From: a@example.com\r\nSubject: inner\r\n\r\nHi\r\n"


def file(*given: Any, **further: Any) -> dict[str, Any]:
    return {"attachments": [flask_mail.Attachment(*given, **further)]}


SAME: dict[str, dict[str, Any]] = {
    "text": {},
    "text in another script": {"body": "Grüße, 世界, привет 🎉\n"},
    "text in bytes": {"body": "Olá, mundo".encode()},
    "plain text in bytes": {"body": b"Hello"},
    "no text": {"body": None},
    "text of no words": {"body": ""},
    "text of many lines": {"body": "one\ntwo\n\nfour\n"},
    "text with CRLF": {"body": "one\r\ntwo\r\n"},
    "lines with dots": {"body": ".\n..\n.a\nb\n.\n"},
    "a line of From": {"body": "From here\nFrom there\n"},
    "a long line": {"body": "a" * 5000},
    "a long line in another script": {"body": "ä" * 5000},
    "blanks at ends of lines": {"body": "a  \nb\t\n  \n"},
    "an equals sign": {"body": "a=b\n=3D\n"},
    "a charset": {"body": "Olá", "charset": "iso-8859-1"},
    "a charset of Japan": {"body": "こんにちは", "charset": "iso-2022-jp"},
    "HTML alone": {"body": None, "html": "<p>Hi</p>"},
    "HTML": {"html": "<p>Grüße</p>"},
    "HTML in a charset": {"body": "Olá", "html": "<p>Olá</p>", "charset": "iso-8859-1"},
    "a long line of HTML": {"html": f"<p>{'b' * 3000}</p>"},
    "a calendar": {"alts": {"calendar": EVENT}},
    "a calendar with a method": {"alts": {"calendar; method=REQUEST": EVENT}},
    "a calendar and HTML": {"alts": {"calendar": EVENT, "html": "<p>x</p>"}, "html": "<p>Hi</p>"},
    "AMP": {"alts": {"x-amp-html": "<html ⚡4email></html>"}},
    "Markdown": {"alts": [("markdown", "*Hi*")]},
    "a file": file("a.pdf", "application/pdf", b"%PDF-1.4"),
    "a file of every octet": file("a.bin", "application/octet-stream", PNG),
    "an empty file": file("empty.txt", "text/plain", b""),
    "a file whose type is guessed": file("a.png", data=PNG),
    "a file of no known type": file("a.xyzzy", data=b"x"),
    "a file without a name": file(None, "image/png", PNG),
    "a file in another script": file("Übersicht 世界.pdf", "application/pdf", b"%PDF"),
    "a file with quotes": file('a "b".txt', "text/plain", b"x"),
    "a file of a long name": file("a" * 150 + ".txt", "text/plain", b"x"),
    "a file of text": file("a.txt", "text/plain", "hello"),
    "a file with parameters": file("a.csv", "text/csv; charset=utf-8; header=present", b"a,b"),
    "an inline picture without an id": file("a.png", "image/png", PNG, "inline"),
    "an inline picture with one": {
        "html": '<img src="cid:logo">',
        **file("a.png", "image/png", PNG, "inline", {"Content-ID": "<logo>"}),
    },
    "headers of a file": file(
        "a.png",
        "image/png",
        PNG,
        headers={"Content-ID": "<x@y>", "X-Attachment-Id": "x", "Content-Location": "a"},
    ),
    "another disposition": file("a.txt", "text/plain", b"x", "form-data"),
    "a message": file("a.eml", "message/rfc822", LETTER),
    "a message inline": file("a.eml", "message/rfc822", LETTER, "inline"),
    "a calendar as a file": file("invite.ics", "text/calendar; method=REQUEST", EVENT),
    "a signature": file("smime.p7s", "application/pkcs7-signature", PNG),
    "three files, text and HTML": {
        "html": "<p>Hi</p>",
        "attachments": [flask_mail.Attachment(f"{n}.txt", "text/plain", b"x" * n) for n in range(3)],
    },
    "a subject in another script": {"subject": "Grüße 世界"},
    "a long subject": {"subject": "word " * 60},
    "a long subject in another script": {"subject": "wörter " * 60},
    "a subject that is folded": {"subject": "one\r\n two\r\n\tthree"},
    "a subject that is encoded already": {"subject": "=?utf-8?q?Gr=C3=BC=C3=9Fe?="},
    "no subject": {"subject": ""},
    "names": {
        "sender": "The Shop <shop@example.com>",
        "recipients": ["Ann Lee <ann@example.org>", ("Bob Roe", "bob@example.org")],
    },
    "names in another script": {
        "sender": ("Zoë", "shop@example.com"),
        "recipients": [("Jörg", "ann@example.org"), "Ольга <olga@example.org>"],
    },
    "a name with a comma": {"recipients": [("Roe, Bob", "bob@example.org")]},
    "a name that is encoded already": {"recipients": ["=?utf-8?q?J=C3=B6rg?= <ann@example.org>"]},
    "a domain in another script": {"recipients": ["ann@exämple.org"]},
    "Cc and Bcc": {"cc": ["carl@example.org", "Dora <dora@example.org>"], "bcc": ["eve@example.org"]},
    "somebody twice": {"recipients": ["ann@example.org", "ann@example.org"], "cc": ["ann@example.org"]},
    "Reply-To": {"reply_to": "Service <service@example.com>"},
    "Reply-To as an extra header": {"extra_headers": {"Reply-To": "Service <service@example.com>"}},
    "a Sender": {"extra_headers": {"Sender": "robot@example.com"}},
    "extra headers": {
        "extra_headers": {"X-Order": "7", "References": "<a@x.org> <b@x.org>", "Priority": "urgent"}
    },
    "a long header": {"extra_headers": {"X-Words": "word " * 100 + "end"}},
    "a folded header": {"extra_headers": {"X-Words": "one\r\n two"}},
    "a way to unsubscribe": {
        "extra_headers": {
            "List-Unsubscribe": "<https://x.org/u/7>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    },
    "many recipients": {"recipients": [f"r{n}@example.org" for n in range(60)]},
}

WAYS = ("flask-mail", "ledger", "api")


def message_of(number: int, way: str, given: dict[str, Any]) -> flask_mail.Message:
    whole = {"subject": "s", "recipients": ["ann@example.org"], "body": "t", **given}
    message = flask_mail.Message(**whole)
    message.msgId, message.date = f"<{number}.{way}@example.com>", 1_700_000_000
    return message


Arrived = dict[str, list[RecordedMessage]]


@pytest.fixture(scope="module")
def arrived(
    _sqlite_template: Path, module_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arrived]:
    """By Message-ID: what the server got of all messages, each way."""
    folder = tmp_path_factory.mktemp("ways")
    shutil.copy(_sqlite_template, folder / "mailroom.db")
    system = System(folder, f"sqlite:///{folder}/mailroom.db", module_valkey.url)
    system.sink = WarmSink(folder / "sink", (), "--keep")
    with system, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAILROOM_HOME", str(folder))
        with system.database.begin() as connection:
            key, _ = api_keys.add(connection, "shop", scopes=["send"], senders=["example.com"])
        app = create_app(load(system.environment))
        with served(app) as url:
            config: dict[str, dict[str, Any]] = {
                "flask-mail": {"MAIL_PORT": system.sink.port},
                "ledger": {
                    "MAILROOM_DATABASE_URL": system.database.url,
                    "MAILROOM_REDIS_URL": module_valkey.url,
                },
                "api": {"MAILROOM_API_URL": f"{url}/api/v1", "MAILROOM_API_KEY": key},
            }
            expected = sum(send_all(way, config[way]) for way in WAYS)
        system.start_workers(1)
        yield by_message_id(system.sink.wait(expected, 60))
        app.extensions["mailroom"].database.dispose()


def send_all(way: str, config: dict[str, Any]) -> int:
    """Says how many copies there will be."""
    app = Flask(way)
    app.config.update(MAIL_DEFAULT_SENDER="shop@example.com", MAIL_SERVER="127.0.0.1", **config)
    mail = (flask_mail if way == "flask-mail" else mailroom.flask).Mail(app)
    copies = 0
    with app.app_context(), mail.connect() as connection:
        for number, given in enumerate(SAME.values()):
            message = message_of(number, way, given)
            connection.send(message)
            copies += len(message.send_to)
    return copies


def by_message_id(messages: list[RecordedMessage]) -> Arrived:
    found: Arrived = defaultdict(list)
    for message in messages:
        found[message.message_id].append(message)
    return found


NOT_COMPARED = {"date", "message-id", "content-transfer-encoding", "mime-version"}
ADDRESSES = {"from", "to", "cc", "reply-to", "sender"}


def read(copies: list[RecordedMessage]) -> dict[str, Any]:
    """All that counts of a message. Its copies must be one."""
    assert len({copy.sha for copy in copies}) == 1
    message = message_from_bytes(copies[0].raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return {
        "envelope": (copies[0].sender, sorted({copy.recipient.lower() for copy in copies})),
        "parts": part(message),
    }


def part(given: Any) -> Any:
    """Header and content, and the same of all parts within."""
    headers = sorted(
        (name.lower(), people(value) if name.lower() in ADDRESSES else " ".join(str(value).split()))
        for name, value in given.items()
        if name.lower() not in NOT_COMPARED | {"content-type"}
    )
    kind = sorted((name, value) for name, value in given.get_params([]) if name != "boundary")
    if given.is_multipart():
        return headers, kind, [part(inner) for inner in given.get_payload()]
    content = bytes(given.get_payload(decode=True) or b"")
    return headers, kind, content.replace(b"\r\n", b"\n").rstrip(b"\n")


def people(value: Any) -> list[tuple[str, str]]:
    return sorted(set(getaddresses([str(value)])))


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("number", range(len(SAME)), ids=SAME)
def test_the_same_arrives(arrived: Arrived, number: int, way: str) -> None:
    theirs, ours = (arrived[f"<{number}.{one}@example.com>"] for one in (WAYS[0], way))
    assert read(ours) == read(theirs)


@pytest.mark.parametrize("number", range(len(SAME)), ids=SAME)
def test_both_ways_mail_the_same_octets(arrived: Arrived, number: int) -> None:
    by_ledger, by_api = (arrived[f"<{number}.{way}@example.com>"][0].raw for way in WAYS[1:])
    assert lines(by_ledger) == lines(by_api)


def lines(raw: bytes) -> list[bytes]:
    """Without what is made anew for each message."""
    return [line for line in raw.split(b"\r\n") if b"===" not in line and b"Message-ID" not in line]
