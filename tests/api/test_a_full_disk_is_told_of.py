"""What needs a temporary file while there is no room for one is answered 503, and can be sent again."""

from __future__ import annotations

import io
import resource
import tempfile
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from mailroom.content.recipients import spool
from mailroom.content.text.spooled_texts import SpooledTexts
from mailroom.content.whole import original
from mailroom.files import NoTemporaryRoom
from mailroom.ledger.schema import mailings
from tests.api.conftest import EMAIL, Client
from tests.api.test_recipients_come_as_a_file import parts
from tests.content import workbooks
from tests.web import watching

SMALL_DISK = 2 << 20
"""Octets of a file: more than the ledger of a test, which must be written."""

LARGE = b64encode(b"x" * 3_000_000).decode()
ATTACHED = {**EMAIL, "attachments": [{"filename": "a.bin", "content": LARGE}]}
UNSENDABLE = "From: hello@acme.example\r\nSubject: S\r\n\r\n" + ("é" * 400 + "\r\n") * 3_000
PEOPLE = "Email\nann@mail.example\nbob@mail.example\n"
MAILING = {"from": "a@acme.example", "subject": "S", "text": "T", "purpose": "transactional"}


@contextmanager
def full() -> Iterator[None]:
    """No file grows beyond a small disk's size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def away() -> Iterator[None]:
    """As when the disk is not mounted."""
    before = tempfile.tempdir
    tempfile.tempdir = f"{tempfile.gettempdir()}/{uuid.uuid4()}"
    try:
        yield
    finally:
        tempfile.tempdir = before


def told_to_wait(answer: TestResponse) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "60"
    assert "TMPDIR" in answer.text and "Nothing was accepted" in answer.text


def number_of_mailings(client: Client) -> int:
    with client.database.read() as connection:
        return connection.execute(select(func.count()).select_from(mailings)).scalar_one()


@pytest.mark.parametrize("trouble", [full, away])
def test_a_file_that_has_no_room_is_sent_again_later(light_client: Client, trouble: Any) -> None:
    once = {"Idempotency-Key": "one"}
    with trouble():
        told_to_wait(light_client.post("/emails", json=ATTACHED, headers=once))
    assert number_of_mailings(light_client) == 0
    assert light_client.post("/emails", json=ATTACHED, headers=once).status_code == 200
    assert number_of_mailings(light_client) == 1


def test_so_is_a_message_that_is_encoded_anew(light_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original, "IN_MEMORY_TWICE", 1 << 20)
    handed = {
        "from": "hello@acme.example",
        "recipients": ["ann@mail.example"],
        "message": b64encode(UNSENDABLE.encode()).decode(),
    }
    monkeypatch.setattr(SpooledTexts, "taken_from", lambda _, body: bytearray(body.read()))
    for trouble in (full, away):
        with trouble():
            told_to_wait(light_client.post("/emails/raw", json=handed))


def test_so_is_a_long_list(light_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 1)
    person = watching.signed_in(light_client.app)
    book = workbooks.xlsx({"Guests": workbooks.rows(("mail",), ("x@mail.example",))})
    letter = {"sender": "a@acme.example", "subject": "S", "text": "T"}
    with away():
        told_to_wait(light_client.post("/mailings", **parts(PEOPLE, mailing=MAILING)))
        told_to_wait(light_client.post("/mailings", **parts(book, mailing=MAILING)))
        told_to_wait(watching.post(person, "/mailings", "/", recipients=PEOPLE, **letter))
    assert number_of_mailings(light_client) == 0


@pytest.mark.parametrize("trouble", [full, away])
def test_so_is_a_form_with_a_large_file(light_client: Client, trouble: Any) -> None:
    person = watching.signed_in(light_client.app)
    people = FileStorage(io.BytesIO((PEOPLE + LARGE).encode()), "guests.csv")
    boundary, data = encode_multipart({"mailing": "{}", "recipients": people})
    form: dict[str, Any] = {"data": data, "content_type": f"multipart/form-data; boundary={boundary}"}
    with trouble():
        told_to_wait(light_client.post("/mailings", **form))
        told_to_wait(person.post("/mailings", **form))
    assert number_of_mailings(light_client) == 0


@pytest.mark.parametrize("trouble", [full, away])
def test_nothing_is_left_to_be_written_when_it_is_closed(trouble: Any) -> None:
    texts = SpooledTexts()
    with trouble(), pytest.raises(NoTemporaryRoom):
        texts.taken_from(io.BytesIO(b'{"message": "%b"}' % (LARGE * 2).encode()))
    with trouble():
        texts.close()
