from __future__ import annotations

import base64
import time
from email.message import EmailMessage
from http import HTTPStatus
from pathlib import Path

import pytest
from aiosmtpd.smtp import Envelope
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.local.catcher import Maildir
from mailroom.settings import Settings, load
from mailroom.web.letter_frame import NO_WAY_OUT
from tests.web.watching import post, signed_in

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
def settings(settings_env: dict[str, str]) -> Settings:
    return load(settings_env | {"MAILROOM_LOCAL": "1"})


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.home / "inbox"


def catch(folder: Path, content: EmailMessage | bytes, *to: str) -> str:
    """Keeps a mail as the catcher does; its name."""
    envelope = Envelope()
    envelope.mail_from, envelope.rcpt_tos = "news@example.org", list(to or ["ann@example.org"])
    envelope.original_content = content if isinstance(content, bytes) else content.as_bytes()
    return Maildir(folder).keep(envelope).name


def a_letter(subject: str = "Grüße 🚀", text: str = "Hello\n", html: str = "") -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "News <news@example.org>", "ann@example.org", subject
    letter.set_content(text)
    if html:
        letter.add_alternative(html, subtype="html")
    return letter


def test_there_is_no_inbox_where_mail_really_leaves(settings_env: dict[str, str]) -> None:
    client = signed_in(create_app(load(settings_env)))
    for path in ("/inbox", "/inbox/1.1.catcher", "/inbox/1.1.catcher/raw"):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND


def test_an_empty_inbox_says_what_to_do_next(client: FlaskClient) -> None:
    assert "Nothing was caught yet" in client.get("/inbox").text


def test_it_lists_the_newest_first_by_who_it_was_for(client: FlaskClient, folder: Path) -> None:
    catch(folder, a_letter("First"), "ann@example.org")
    catch(folder, a_letter("Grüße 🚀"), "bo@example.org", "cy@example.org")
    page = client.get("/inbox").text
    assert page.index("Grüße 🚀") < page.index("First")
    assert "bo@example.org, cy@example.org" in page


def test_it_is_paged_by_names(client: FlaskClient, folder: Path) -> None:
    names = sorted(catch(folder, a_letter(f"Letter {number:02}")) for number in range(52))
    first = client.get("/inbox").text
    assert "Letter 51" in first and "Letter 01" not in first and "52 messages" in first
    second = client.get("/inbox", query_string={"before": names[2]}).text
    assert "Letter 01" in second and "Letter 02" not in second


def test_it_is_searched_by_recipient_and_subject(client: FlaskClient, folder: Path) -> None:
    catch(folder, a_letter("Grüße an alle"), "ann@example.org")
    catch(folder, a_letter("Minutes"), "bo@example.org")
    assert "Minutes" not in client.get("/inbox?q=ANN").text
    found = client.get("/inbox", query_string={"q": "grüße alle"}).text
    assert "Grüße an alle" in found and "Minutes" not in found
    assert "Nothing found" in client.get("/inbox?q=zed").text


def test_a_message_is_shown_with_its_headers_and_text(client: FlaskClient, folder: Path) -> None:
    name = catch(folder, a_letter(text="Hello <b>Ann</b>,\n\ngrüezi\n"))
    page = client.get(f"/inbox/{name}").text
    assert "Grüße 🚀" in page and "Hello &lt;b&gt;Ann&lt;/b&gt;" in page and "grüezi" in page
    assert "News &lt;news@example.org&gt;" in page and "X-Envelope-To" in page


def test_its_html_can_run_nothing(client: FlaskClient, folder: Path) -> None:
    letter = a_letter(
        html='<img src="cid:logo"><img src="https://example.com/x.png"><script>alert(1)</script>'
    )
    letter.get_payload()[1].add_related(PIXEL, "image", "png", cid="<logo>")  # type: ignore[index,union-attr]
    name = catch(folder, letter)
    page = client.get(f"/inbox/{name}").text
    assert 'sandbox=""' in page and "alert(1)" not in page
    html = client.get(f"/inbox/{name}/html")
    policy = html.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy
    assert f'src="data:image/png;base64,{base64.b64encode(PIXEL).decode()}"' in html.text


def test_attachments_are_only_ever_downloaded(client: FlaskClient, folder: Path) -> None:
    letter = a_letter()
    letter.add_attachment(b"<script>", maintype="text", subtype="html", filename="../../evil\u202e☃.html")
    name = catch(folder, letter)
    assert "1 attachment" in client.get(f"/inbox/{name}").text
    answer = client.get(f"/inbox/{name}/attachments/0")
    assert answer.data == b"<script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "/" not in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"/inbox/{name}/attachments/1").status_code == HTTPStatus.NOT_FOUND


def test_the_raw_source_is_plain_text(client: FlaskClient, folder: Path) -> None:
    letter = a_letter(html="<p>x</p>")
    answer = client.get(f"/inbox/{catch(folder, letter)}/raw")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.data.endswith(letter.as_bytes())


@pytest.mark.parametrize(
    "name", ["..", ".", "%2e%2e", "..%2f..%2flocal.env", "%2fetc%2fpasswd", "a%00b", "nothing", ".hidden"]
)
def test_a_name_leads_nowhere_else(client: FlaskClient, folder: Path, name: str) -> None:
    catch(folder, a_letter())
    (folder / "new" / ".hidden").write_text("hidden")
    for rest in ("", "/raw", "/html", "/attachments/0"):
        assert client.get(f"/inbox/{name}{rest}").status_code in (
            HTTPStatus.NOT_FOUND,
            HTTPStatus.BAD_REQUEST,
            308,
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no headers at all",
        b"\xff\xfe\x00garbage\r\n\r\n\x00",
        b"Subject: =?utf-8?b?!!!?=\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
        b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n\r\nHello",
        b"From: \r\nTo: <<<>>>\r\nDate: never\r\nContent-Type: text/html\r\n\r\n<p>Hello",
        b"Subject: caf\xe9\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-",
        b"From: =?utf-8?q?a=0D=0Ab?= <a@b>\r\nSubject: =?utf-8?q?a=0D=0AX:_y=00?=\r\n\r\nx",
        b"From: ,,;;<><@\r\nTo: =?utf-8?q?=00?= <\xff@>\r\nMessage-ID: <<>\r\nContent-Type: /;;=\r\n\r\nx",
        b"Content-Disposition: attachment; filename*=utf-8''..%2f..%0d%0aX%22%ff\r\n\r\nx",
        b'Content-Type: text/html; charset="\0"\r\n\r\n<p>Hello',
        b"Content-Type: text/html; charset*=utf-8''utf%00\r\n\r\n<p>Hello",
        b"Content-Type: text/plain; charset*=utf%00\0''x\r\n\r\nHello",
        b"Content-Type: text/plain; charset=undefined\r\n\r\nHello",
        b"Content-Disposition: attachment; filename*=\0''x%ff\r\n\r\nx",
        b"Content-Disposition: attachment; filename*=punycode''x%ff\r\n\r\nx",
        b"Content-Disposition: attachment; filename*0*=a; filename*=b\r\n\r\nx",
        b"Content-Type: text/html; charset*0*=a; charset*=b\r\n\r\n<p>Hello",
        b"Content-Type: multipart/mixed; boundary*0*=a; boundary*=b\r\n\r\n--a\r\n\r\nHello",
        b"Content-Type: multipart/mixed; boundary*=idna''%ff\r\n\r\n--a\r\n\r\nHello",
        b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a" * 400_000,
        b"Subject: =?punycode?q?" + b"a" * 400_000 + b"?=\r\nFrom: =?\0?q?a?= <a@b>\r\n\r\nx",
    ],
)
def test_a_broken_message_is_shown_as_far_as_it_goes(
    client: FlaskClient, folder: Path, content: bytes
) -> None:
    name = catch(folder, content)
    for path in ("/inbox", "/inbox?q=x", f"/inbox/{name}", f"/inbox/{name}/raw"):
        assert client.get(path).status_code == HTTPStatus.OK
    attached = client.get(f"/inbox/{name}/attachments/0")
    assert attached.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    attached.headers.get("Content-Disposition", "").encode("latin-1")  # or no server could send it
    assert client.get(f"/inbox/{name}/html").status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


def test_a_long_list_of_recipients_takes_no_time(client: FlaskClient, folder: Path) -> None:
    people = b",\r\n ".join(b"person%d@example.org" % number for number in range(5_000))
    name = catch(folder, b"Subject: All of you\r\nTo: " + people + b"\r\n\r\nHello")
    began = time.thread_time()
    assert "person4999@example.org" in client.get(f"/inbox/{name}").text
    assert time.thread_time() - began < 1  # parsed by the email package: some ten seconds


def test_it_can_be_emptied(client: FlaskClient, folder: Path) -> None:
    catch(folder, a_letter())
    assert client.post("/inbox/empty").status_code == HTTPStatus.BAD_REQUEST
    assert "1 message" in client.get("/inbox").text
    assert post(client, "/inbox/empty", "/inbox").status_code == HTTPStatus.SEE_OTHER
    assert not list((folder / "new").iterdir())


@pytest.mark.parametrize("written", ["cid:logo@shop", "cid:logo%40shop", "CID:logo@shop"])
def test_a_picture_is_found_however_its_address_is_written(
    app: Flask, client: FlaskClient, folder: Path, written: str
) -> None:
    letter = EmailMessage()
    letter["Subject"] = "A picture"
    letter.set_content("text")
    letter.add_alternative(f'<img src="{written}">', subtype="html")
    letter.get_payload()[1].add_related(PIXEL, "image", "png", cid="<logo@shop>")  # type: ignore[index,union-attr]
    page = client.get(f"/inbox/{catch(folder, letter)}/html").text
    assert page.strip().removeprefix(NO_WAY_OUT).startswith('<img src="data:image/png;base64,')
