"""A mailing's page shows what it says, a delivery's what its recipient gets; files by name and size."""

from __future__ import annotations

import base64
import re
import time
import tracemalloc
from email.message import EmailMessage
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, update

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.letter import read_letter
from mailroom.content.whole.original import HandedIn
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.handed_in import submission_of
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.schema import attachments, contents, originals
from mailroom.web.letter_frame import MOST_DRAWN, MOST_IN_PAGE
from tests.web.watching import a_mailing, delivery_ids, ledger

PIXEL = b"\x89PNG\r\n"
HOSTILE = '<link rel="preconnect" href="http://127.0.0.1:9/"><script>alert(1)</script><img src="http://127.0.0.1:9/x">'


def accepted(app: Flask, submission: Submission) -> int:
    parts = app.extensions["mailroom"]
    return accept(parts.database, parts.queue, submission).mailing_id


def letter_on(client: FlaskClient, page: str) -> str:
    """What its section says, without its tags."""
    section = re.search(r'<section [^>]*id="letter".*?</section>', client.get(page).text, re.DOTALL)
    assert section, "there is no letter on it"
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", section[0])).split()).replace(" ,", ",")


def page_of(app: Flask, mailing_id: int, place: int = 0) -> str:
    return f"/mailings/{mailing_id}/deliveries/{delivery_ids(ledger(app), mailing_id)[place]}"


@pytest.fixture
def personal(app: Flask) -> int:
    content = Content(
        Address("news@example.org", "News"),
        "Dear {{ first }}",
        text="Hello {{ first }} <b>, you have {{ points }}",
        html='<p>Hi {{ first }}</p><img src="cid:logo">',
        reply_to=(Address("desk@example.org"),),
        headers=(("X-Campaign", "spring of {{ first }}"),),
        attachments=(
            Attachment("price list ☃.pdf", "application/pdf", b"x" * 2048),
            Attachment("logo.png", "image/png; name=logo.png", PIXEL, "logo"),
        ),
    )
    recipients = [
        Recipient("ann@example.org", "Ann", {"first": "Ann & Bo", "points": 7}),
        Recipient("cy@example.org", "Cy", {"first": "Cy\u202e", "points": 8}),
    ]
    return accepted(app, Submission(content, recipients, columns=["first", "points"]))


def test_the_page_of_a_mailing_shows_it_as_it_was_written(client: FlaskClient, personal: int) -> None:
    words = letter_on(client, f"/mailings/{personal}")
    for said in (
        "From News <news@example.org>",
        "Reply-To desk@example.org",
        "Subject Dear {{ first }}",
        "X-Campaign spring of {{ first }}",
        "Hello {{ first }} <b>, you have {{ points }}",
        "2 attachments",
        "price list ☃.pdf application/pdf, 2 KB",
        "logo.png",
    ):
        assert said in words, said
    frame = client.get(f"/mailings/{personal}/letter").text
    assert "<p>Hi {{ first }}</p>" in frame and 'src="data:image/png;base64,' in frame


def test_the_page_of_a_delivery_shows_what_its_recipient_gets(
    app: Flask, client: FlaskClient, personal: int
) -> None:
    page = page_of(app, personal)
    words = letter_on(client, page)
    for said in (
        "To Ann <ann@example.org>",
        "Subject Dear Ann & Bo",
        "X-Campaign spring of Ann & Bo",
        "Hello Ann & Bo <b>, you have 7",
        "price list ☃.pdf application/pdf, 2 KB",
    ):
        assert said in words, said
    assert not {"Message-ID", "Date", "MIME-Version", "Content-Type"} & set(words.split())
    frame = client.get(f"{page}/letter").text
    assert "<p>Hi Ann &amp; Bo</p>" in frame and 'src="data:image/png;base64,' in frame


def test_one_that_cannot_be_filled_says_why(app: Flask, client: FlaskClient, personal: int) -> None:
    page = page_of(app, personal, 1)
    assert "U+202E" in letter_on(client, page), "the subject would turn round what follows"
    assert client.get(f"{page}/letter").status_code == 404


def test_a_whole_message_is_shown_as_it_came(app: Flask, client: FlaskClient) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Jörg <joe@example.org>", "ann@example.org"
    message["Subject"], message["X-Ticket"] = "Grüße 🚀", "4711"
    message.set_content("Grüezi\n")
    message.add_alternative('<p>Hallo</p><img src="CID:pic@x">' + HOSTILE, subtype="html")
    message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<pic@x>")  # type: ignore[index,union-attr]
    message.add_attachment(b"abc" * 400, maintype="text", subtype="csv", filename="häufig.csv")
    handed = HandedIn(message.as_bytes(), "joe@example.org", ["ann@example.org"])
    mailing_id = accepted(app, submission_of(handed, None))
    for page in (f"/mailings/{mailing_id}", page_of(app, mailing_id)):
        words = letter_on(client, page)
        for said in (
            "Subject Grüße 🚀",
            "From Jörg <joe@example.org>",
            "X-Ticket 4711",
            "Grüezi",
            "2 attachments",
        ):
            assert said in words, said
        assert "häufig.csv text/csv, 1 KB" in words
        assert "alert(1)" not in client.get(page).text
        assert 'src="data:image/png;base64,' in client.get(f"{page}/letter").text
    with ledger(app).begin() as connection:
        connection.execute(delete(originals))
    assert "What it said is not kept any more." in letter_on(client, f"/mailings/{mailing_id}")
    assert client.get(f"/mailings/{mailing_id}/letter").status_code == 404


def test_an_email_to_several_shows_to_whom_it_speaks(app: Flask, client: FlaskClient) -> None:
    to = (Address("ann@example.org", "Ann"), Address("bo@example.org"))
    content = Content(Address("news@example.org"), "All {{ of }} you", text="x", kind="shared", to=to)
    recipients = [Recipient(one.address, one.name, role="to") for one in to]
    mailing_id = accepted(app, Submission(content, [*recipients, Recipient("eve@example.org", role="bcc")]))
    for page in (f"/mailings/{mailing_id}", page_of(app, mailing_id)):
        words = letter_on(client, page)
        assert "To Ann <ann@example.org>, bo@example.org" in words and "All {{ of }} you" in words
        assert "eve@" not in words


@pytest.mark.parametrize("place", ["", "/deliveries/{delivery}"])
def test_its_frame_runs_nothing_and_asks_nobody(app: Flask, client: FlaskClient, place: str) -> None:
    mailing_id = a_mailing(ledger(app), {})
    with ledger(app).begin() as connection:
        connection.execute(update(contents).values(html=f"<p>Hi</p>{HOSTILE}", text="Hello"))
    page = f"/mailings/{mailing_id}{place.format(delivery=delivery_ids(ledger(app), mailing_id)[0])}"
    shown = client.get(page).text
    frame = re.search(r"<iframe[^>]*>", shown)
    assert frame and 'sandbox=""' in frame[0] and f'src="{page}/letter"' in frame[0]
    answer = client.get(f"{page}/letter")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy
    assert "http" not in policy and "'self'" not in policy.replace("frame-ancestors 'self'", "")
    assert answer.headers["X-DNS-Prefetch-Control"] == "off"
    assert "<link" not in answer.text.lower() and "<p>Hi</p>" in answer.text


def test_what_is_deleted_is_said_to_be(app: Flask, client: FlaskClient, personal: int) -> None:
    with ledger(app).begin() as connection:
        connection.execute(delete(contents))
        connection.execute(delete(attachments))
    for page in (f"/mailings/{personal}", page_of(app, personal)):
        assert letter_on(client, page).endswith("What it said is not kept any more.")
        assert client.get(f"{page}/letter").status_code == 404


@pytest.mark.parametrize("name", ["", "a\u202eb<script>", "x" * 3000, 'q"uo;te'])
def test_any_name_of_a_file_is_only_text(app: Flask, client: FlaskClient, name: str) -> None:
    mailing_id = a_mailing(ledger(app), {})
    file = {"filename": name, "content_type": "text/html", "data": b"<script>", "mailing_id": mailing_id}
    with ledger(app).begin() as connection:
        connection.execute(insert(attachments).values(file))
    words = letter_on(client, f"/mailings/{mailing_id}")
    assert f"{name or 'no name'} text/html, 8 bytes" in words
    assert "<script>" not in client.get(f"/mailings/{mailing_id}").text.replace(name, "")


def test_of_ten_thousand_files_some_are_told_of_and_it_takes_no_time(app: Flask, client: FlaskClient) -> None:
    part = b'--b\r\nContent-Disposition: attachment; filename="' + b";" * 900 + b'"\r\n\r\nx\r\n'
    head = b"From: ann@example.org\r\nSubject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    handed = HandedIn(head + part * 9_999 + b"--b--\r\n", "ann@example.org", ["bo@example.org"])
    mailing_id = accepted(app, submission_of(handed, None))
    began = time.thread_time()
    assert "100 attachments and more" in letter_on(client, f"/mailings/{mailing_id}")
    assert time.thread_time() - began < 4


def test_strangers_and_wrong_numbers_get_none(
    app: Flask, client: FlaskClient, stranger: FlaskClient, personal: int
) -> None:
    other = a_mailing(ledger(app), {})
    asked = [
        stranger.get(f"/mailings/{personal}/letter"),
        stranger.get(f"{page_of(app, personal)}/letter"),
        client.get("/mailings/9999/letter"),
        client.get(f"/mailings/{other}/deliveries/{delivery_ids(ledger(app), personal)[0]}/letter"),
    ]
    assert [answer.status_code for answer in asked] == [303, 303, 404, 404]


def test_no_file_is_read_for_a_letter_but_the_pictures_in_it(app: Flask, client: FlaskClient) -> None:
    """One that is too large to stand in a page is left out, like one that no picture shows."""
    large, small = b"x" * (MOST_DRAWN + 1), PIXEL * 3
    content = Content(
        Address("news@example.org"),
        "Hello",
        html='<img src="cid:small"><img src="cid:large"><img src="cid:paper">',
        attachments=(
            Attachment("large.png", "image/png", large, "large"),
            Attachment("paper.pdf", "application/pdf", large, "paper"),
            Attachment("unseen.png", "image/png", large, "unseen"),
            Attachment("plain.zip", "application/zip", large),
            Attachment("small.png", "image/png", small, "small"),
        ),
    )
    mailing_id = accepted(app, Submission(content, [Recipient("ann@example.org")]))
    for page in (f"/mailings/{mailing_id}", page_of(app, mailing_id)):
        client.get(page), client.get(f"{page}/letter")  # what is made once
        tracemalloc.start()
        shown = client.get(page).text, client.get(f"{page}/letter").text
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert base64.b64encode(small).decode() in shown[1] and "cid:large" in shown[1]
        assert peak < MOST_DRAWN, f"{peak:,} bytes for {page}"


def test_a_picture_that_is_named_again_and_again_is_drawn_as_often_as_there_is_room(
    app: Flask, client: FlaskClient
) -> None:
    html = '🚀<img src="cid:large"><img src="cid:small">' * 500
    content = Content(
        Address("news@example.org"),
        "Hello",
        html=html,
        attachments=(
            Attachment("large.png", "image/png", b"x" * 150_000, "large"),
            Attachment("small.png", "image/png", PIXEL, "small"),
        ),
    )
    mailing_id = accepted(app, Submission(content, [Recipient("ann@example.org")]))
    client.get(f"/mailings/{mailing_id}/letter")  # what is made once
    tracemalloc.start()
    page = client.get(f"/mailings/{mailing_id}/letter").data
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert MOST_IN_PAGE - 400_000 < len(page) < MOST_IN_PAGE + len(html.encode()) + 1_000
    assert page.count(b"cid:large") == 500 - MOST_IN_PAGE // 200_022 and b"cid:small" not in page
    assert peak < 4 * MOST_IN_PAGE, f"{peak:,} bytes"


def test_a_picture_of_which_nothing_can_be_decoded_takes_no_memory(app: Flask, client: FlaskClient) -> None:
    picture = (
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    message = (
        b"From: ann@example.org\r\nSubject: broken\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<img src='cid:a'>\r\n"
        + (picture + b"A\r\n" + (b"-" * 76 + b"\r\n") * (MOST_DRAWN // 78))
        + b"--b--\r\n"
    )
    handed = HandedIn(message, "ann@example.org", ["bo@example.org"])
    mailing_id = accepted(app, submission_of(handed, None))
    assert len(client.get(f"/mailings/{mailing_id}/letter").data) < 1_000


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        (b"filename*=idna''%ff", "\ufffd"),
        (b"filename*=undefined''a.pdf", "a.pdf"),
        (b"filename*0*=utf-8''a%C3%A9; filename*1=b.pdf", "aéb.pdf"),
        (b"filename=\"a; b.pdf\"; filename*=utf-8''c.pdf", "a; b.pdf"),
    ],
)
def test_a_file_whose_name_no_program_can_read_breaks_no_page(
    app: Flask, client: FlaskClient, naming: bytes, name: str
) -> None:
    """The email package stumbles over such names, and whoever looked at the mailing saw an error."""
    message = b"From: news@example.org\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
    message += b"Content-Disposition: attachment; " + naming + b"\r\n\r\nHi\r\n"
    given = HandedIn(message, "news@example.org", ["ann@example.org"])
    mailing = accepted(app, submission_of(given, None))
    assert name in letter_on(client, f"/mailings/{mailing}")


def test_a_name_in_pieces_and_as_a_whole_is_told_somehow() -> None:
    """Of mail that an older Mailroom took."""
    for naming in (b"filename*0*=utf-8''a; filename*=b", b"filename*0=a; filename*=b"):
        letter = read_letter(b"Content-Disposition: attachment; " + naming + b"\r\n\r\nHi\r\n")
        assert letter.files or letter.text
