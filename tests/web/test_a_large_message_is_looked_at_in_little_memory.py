"""A mailing of 25 MB is looked at, copied and gone on with, and is in no web process as a whole for it."""

from __future__ import annotations

import base64
import os
import re
import uuid
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole import abridged
from mailroom.content.whole.abridged import abridged as read_abridged
from mailroom.content.whole.letter import read_letter
from mailroom.content.whole.original import HandedIn
from mailroom.content.whole.parts import GOES_ON, MOST_TEXT_SHOWN
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.handed_in import submission_of
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.drafts import stored
from mailroom.ledger.drafts.kept_fields import Blob, DraftFile, KeptFields
from mailroom.ledger.drafts.stored import Writing
from mailroom.ledger.schema import contents, drafts
from tests.memory import MEBIBYTE, growing_at_most
from tests.web.watching import delivery_ids, ledger

LARGE = 25_000_000
HEAD = "From: ann@example.org\r\nTo: bo@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
HTML = (
    f"{HEAD}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + "<p>A line of a long report, Gr=C3=BC=C3=9Fe</p>\r\n" * (LARGE // 50)
).encode()
TEXT = f"{HEAD}\r\n{'A line of a long log, and what it says there.' + chr(13) + chr(10)}".encode() + (
    b"-- A line of another long log, and what it says.\r\n" * (LARGE // 50)
)
PIXEL = b"\x89PNG\r\n" * 500_000  # three megabytes


def with_files(*sizes: int) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.org", "bo@example.org", "files"
    message.set_content("Here they are.\n")
    message.add_alternative('<p>Look</p><img src="cid:pic@x">', subtype="html")
    message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<pic@x>")  # type: ignore[index,union-attr]
    for number, size in enumerate(sizes):
        message.add_attachment(os.urandom(size), "application", "pdf", filename=f"{number}.pdf")
    return message.as_bytes().replace(b"\n", b"\r\n")


def accepted(app: Flask, message: bytes) -> int:
    handed = HandedIn(message, "ann@example.org", ["bo@example.org"])
    parts = app.extensions["mailroom"]
    return accept(parts.database, parts.queue, submission_of(handed, None)).mailing_id


@pytest.mark.parametrize("name", ["files", "html", "text"])
def test_its_pages_take_little(app: Flask, client: FlaskClient, name: str) -> None:
    message = {"files": with_files(LARGE), "html": HTML, "text": TEXT}[name]
    mailing_id = accepted(app, message)
    del message
    page = f"/mailings/{mailing_id}"
    pages = [page, f"{page}/deliveries/{delivery_ids(ledger(app), mailing_id)[0]}", f"/?copy={mailing_id}"]
    for address in pages:
        # A log each of whose lines might be a delimiter is read as a whole, once.
        with growing_at_most((60 if name == "text" else 20) * MEBIBYTE):
            answer = client.get(address)
        assert answer.status_code == 200
    assert name != "files" or "0.pdf" in client.get(page).text


def test_what_is_left_out_changes_nothing_that_is_shown(app: Flask, client: FlaskClient) -> None:
    message = with_files(5_000_001, 10, 4_000_003)
    whole, (data, left_out) = read_letter(message), read_abridged([message])
    short = read_letter(data, left_out=left_out)
    assert left_out and len(data) < len(message) // 2
    assert (short.headers, short.text, short.html, short.files) == (
        whole.headers,
        whole.text,
        whole.html,
        whole.files,
    )
    assert [file.size for file in short.files] == [len(PIXEL), 5_000_001, 10, 4_000_003]
    mailing_id = accepted(app, message)
    frame = client.get(f"/mailings/{mailing_id}/letter").text
    assert base64.b64encode(PIXEL).decode() in frame, "of a picture all is drawn"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "7bit"])
@pytest.mark.parametrize("slice_size", [1_000, 1 << 20])
def test_sizes_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, encoding: str, slice_size: int
) -> None:
    monkeypatch.setattr(abridged, "KEPT_BEHIND_DELIMITER", 300_000)
    line = {"base64": b"QUJD" * 19, "quoted-printable": b"=41=42 and some more", "7bit": b"x" * 70}[encoding]
    head = b"Content-Transfer-Encoding: %b\r\nContent-Disposition: attachment\r\n" % encoding.encode()
    part = b"--b\r\n" + head + b"\r\n"
    message = (
        HEAD.encode()
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + (part + (line + b"\r\n") * 40_000) * 2
        + b"--b--\r\n"
    )
    slices = [message[at : at + slice_size] for at in range(0, len(message), slice_size)]
    data, left_out = read_abridged(slices)
    assert sum(one.octets for one in left_out) + len(data) == len(message) and left_out
    assert read_letter(data, left_out=left_out).files == read_letter(message).files


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_of_a_long_text_the_beginning_is_shown_and_says_so(
    app: Flask, client: FlaskClient, encoding: str
) -> None:
    text = "Grüße, eine Zeile\r\n" * 200_000
    encoded = {
        "base64": base64.encodebytes(text.encode()).replace(b"\n", b"\r\n"),
        "quoted-printable": text.replace("ü", "=C3=BC").replace("ß", "=C3=9F").encode(),
        "8bit": text.encode(),
    }[encoding]
    head = f"{HEAD}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    mailing_id = accepted(app, head.encode() + encoded)
    with ledger(app).read() as connection:
        kept = connection.execute(select(contents.c.text)).scalar_one()
    said = re.search(
        r'class="letter-text"[^>]*>(.*?)</pre>', client.get(f"/mailings/{mailing_id}").text, re.S
    )
    assert said
    for shown in (kept, said[1].replace("\r\n", "\n") if "\r\n" not in kept else said[1]):
        beginning, it_goes_on, _ = shown.partition(GOES_ON.strip())
        assert it_goes_on and MOST_TEXT_SHOWN // 2 < len(beginning) <= MOST_TEXT_SHOWN
        assert text.replace("\r\n", "\n").startswith(beginning.replace("\r\n", "\n").rstrip("\n"))


def test_of_a_long_text_that_was_written_here_too(app: Flask, client: FlaskClient) -> None:
    content = Content(
        Address("news@example.org"), "Long", "A line.\n" * 200_000, "<p>A line.</p>\n" * 100_000
    )
    parts = app.extensions["mailroom"]
    submission = Submission(content, [Recipient("ann@example.org")])
    page = f"/mailings/{accept(parts.database, parts.queue, submission).mailing_id}"
    for address in (page, f"{page}/letter"):
        shown = client.get(address).text
        assert GOES_ON.strip() in shown and MOST_TEXT_SHOWN < len(shown) < 1.2 * MOST_TEXT_SHOWN


def test_a_draft_is_copied_in_little_memory(
    app: Flask, client: FlaskClient, csrf: Callable[[FlaskClient], str]
) -> None:
    uid, piece = str(uuid.uuid4()), os.urandom(LARGE // 100)
    blob = Blob("d" * 64, 100 * len(piece), lambda size: [piece] * 100)
    kept = DraftFile("kept_attachments", "t" * 32, "film.bin", "video/mp4", blob.size, blob.digest)
    form = KeptFields((("subject", "Large"),), (kept,))
    with ledger(app).begin() as connection:
        stored.add(connection, uid, Writing(form, {blob.digest: blob}, "Large"))
    token = csrf(client)
    with growing_at_most(20 * MEBIBYTE):
        answer = client.post(f"/drafts/{uid}/duplicate", data={"csrf_token": token})
    assert answer.status_code == 303
    with ledger(app).read() as connection:
        assert len(connection.execute(select(drafts.c.id)).all()) == 2
