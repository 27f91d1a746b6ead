"""A whole message that is one long text, or octets of any kind, is encoded by pieces; one large at a time."""

from __future__ import annotations

import json
import os
import threading
from base64 import b64encode
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from mailroom.content.whole import downgrade
from mailroom.content.whole.parts import GOES_ON, part_at
from mailroom.engine.accept import handed_in
from mailroom.engine.accept.handed_in import LARGE_MESSAGE
from mailroom.ledger.schema import contents, originals
from tests.api.conftest import EMAIL, Client
from tests.api.test_a_large_file_is_copied_little import copies_at_most

HEAD = b"From: hello@acme.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
WORDS = "Grüße aus dem Allgäu, eine Zeile.\r\n.\r\nUnd noch eine \r\n".encode()
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + WORDS * (6_000_000 // len(WORDS))
FILE = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + os.urandom(
    6_000_000
).replace(b"\r", b"x").replace(b"\n", b"y").replace(b"\0", b"z")


@pytest.mark.parametrize("body", [TEXT, FILE], ids=["text", "binary"])
def test_it_is_in_memory_twice_at_the_most(client: Client, tmp_path: Path, body: bytes) -> None:
    given = {"from": "hello@acme.example", "recipients": ["ann@mail.example"]}
    message = b64encode(HEAD + body).decode()
    (tmp_path / "body").write_bytes(json.dumps({**given, "message": message}).encode())
    del message
    assert client.post("/emails", json=EMAIL).status_code == 200, "what is made once is there"
    size = str((tmp_path / "body").stat().st_size)
    with (tmp_path / "body").open("rb") as sent, copies_at_most(2.5):
        answer = client.post(
            "/emails/raw", input_stream=sent, content_type="application/json", content_length=size
        )
    assert answer.status_code == 200, answer.get_json()
    with client.database.read() as connection:
        kept = connection.execute(select(originals.c.data)).scalar_one()
        said = connection.execute(select(contents.c.text).order_by(contents.c.mailing_id.desc())).scalars()
        assert next(said).endswith(GOES_ON) == (body is TEXT)
    arrives = message_from_bytes(kept, policy=policy.SMTP)
    assert kept.isascii() and arrives.get_payload(decode=True) == body.partition(b"\r\n\r\n")[2] + (
        b"" if body is TEXT else b"\r\n"
    )


@pytest.mark.parametrize("words", [WORDS * 9, b"\xc3\xbc" * 700, b"\xfc\r\n" + b"y" * 300, b"\xfc\r\n" * 40])
@pytest.mark.parametrize("kind", [b"text/plain; charset=utf-8", b"application/pdf"])
def test_pieces_make_what_the_whole_does(monkeypatch: pytest.MonkeyPatch, words: bytes, kind: bytes) -> None:
    message = HEAD + b"Content-Type: %b\r\n\r\n" % kind + words
    whole = b"".join(downgrade.downgraded(part_at(message)))
    monkeypatch.setattr(downgrade, "BODY_PIECE", 7)
    monkeypatch.setattr(downgrade, "BASE64_SLICE", 57)
    assert b"".join(downgrade.downgraded(part_at(message))) == whole


def test_a_large_message_waits_for_the_one_before(light_client: Client) -> None:
    large = b64encode(HEAD + b"\r\n" + b"A line of a long log.\r\n" * (LARGE_MESSAGE // 20)).decode()
    given = {"from": "hello@acme.example", "recipients": ["ann@mail.example"]}
    answers: list[int] = []

    def hand_in(message: str) -> None:
        answers.append(light_client.post("/emails/raw", json={**given, "message": message}).status_code)

    with handed_in.turn_of(LARGE_MESSAGE + 1):
        waiting = threading.Thread(target=hand_in, args=(large,))
        waiting.start()
        hand_in_small = threading.Thread(target=hand_in, args=(b64encode(HEAD + b"\r\nx\r\n").decode(),))
        hand_in_small.start()
        hand_in_small.join(20)
        assert answers == [200] and waiting.is_alive(), "a small one passes it by"
    waiting.join(20)
    assert answers == [200, 200]
