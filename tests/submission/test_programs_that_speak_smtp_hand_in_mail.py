"""smtplib, curl and Django, as anybody would use them, and workers that deliver what they gave."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailroom.database.engine import Database
from mailroom.sink.certificates import make_certificate
from tests.servers import Catcher
from tests.submission.conftest import Submission
from tests.system import System

DJANGO = """
from django.conf import settings
settings.configure(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
    EMAIL_HOST="127.0.0.1", EMAIL_PORT={port}, EMAIL_HOST_USER="shop", EMAIL_HOST_PASSWORD="{key}",
)
from django.core import mail
message = mail.EmailMultiAlternatives(
    "Grüße", "Schöne Grüße", "Ann <ann@example.com>", ["bob@example.org"],
    bcc=["eve@example.org"], cc=["carl@example.org"], headers={{"X-Shop": "7"}},
)
message.attach_alternative("<p>Schöne Grüße</p>", "text/html")
message.attach("rechnung.pdf", b"%PDF", "application/pdf")
print(message.send())
print(mail.send_mail("Second", "Hi", "ann@example.com", ["bob@example.org"]))
"""


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    fields = {"From": "Ann <ann@example.com>", "To": "bob@example.org", "Subject": "Grüße"}
    for name, value in (fields | headers).items():
        made[name.replace("_", "-")] = value
    made.set_content("Schöne Grüße")
    return made


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str, valkey: object, catcher: Catcher) -> Iterator[System]:
    with System(tmp_path, sqlite_url, valkey.url) as system:  # type: ignore[attr-defined]
        system.start_workers(MAIL_PORT=str(catcher.port))
        yield system


def test_smtplib(submission: Submission, key: str, system: System, catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", submission.port) as client:
        client.login("anybody", key)
        given = message(Cc="Carl <carl@example.org>", Bcc="eve@example.org", Message_ID="<own@example.com>")
        assert client.send_message(given) == {}
        client.sendmail("bounces@example.com", ["dora@example.org"], message().as_bytes())
    first = [mail for mail in catcher.wait_for(4, 20) if b"<own@example.com>" in mail.content]
    assert sorted(mail.recipients[0] for mail in first) == [
        "bob@example.org",
        "carl@example.org",
        "eve@example.org",
    ]
    assert all(mail.message["Bcc"] is None and b"eve@" not in mail.content for mail in first)
    (second,) = [mail for mail in catcher.mails if mail not in first]
    assert (second.sender, second.recipients) == ("bounces@example.com", ["dora@example.org"])
    assert second.message.get_content().strip() == "Schöne Grüße"


def test_curl(submission: Submission, key: str, system: System, catcher: Catcher, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("From: ann@example.com\nTo: bob@example.org\nSubject: Grüße\n\nSchöne Grüße.\n.dot\n")
    command = ["curl", "-sS", f"smtp://127.0.0.1:{submission.port}", "--user", f"curl:{key}", "--crlf"]
    command += ["--mail-from", "ann@example.com", "--mail-rcpt", "bob@example.org", "-T", str(letter)]
    done = subprocess.run(command, capture_output=True, timeout=20, text=True)
    assert done.returncode == 0, done.stderr
    (mail,) = catcher.wait_for(1, 20)
    assert mail.message["Subject"] == "Grüße"
    assert mail.message.get_content().replace("\r\n", "\n") == "Schöne Grüße.\n.dot\n"


def test_django(submission: Submission, key: str, system: System, catcher: Catcher) -> None:
    code = DJANGO.format(port=submission.port, key=key)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, text=True)
    assert done.stdout.split() == ["1", "1"], done.stderr
    mails = [mail for mail in catcher.wait_for(4, 20) if b"X-Shop: 7" in mail.content]
    assert len(mails) == 3
    received = mails[0].message
    assert received["Subject"] == "Grüße" and received["Cc"] == "carl@example.org"
    body = received.get_body(("html",))
    assert body is not None and body.get_content().strip() == "<p>Schöne Grüße</p>"
    assert [part.get_filename() for part in received.iter_attachments()] == ["rechnung.pdf"]


def test_starttls(start: Callable[..., Submission], key: str, tmp_path: Path, ledger: Database) -> None:
    pem = make_certificate(tmp_path, "good")
    submission = start(MAILROOM_SUBMISSION_CERT=str(pem), MAILROOM_SUBMISSION_KEY=str(pem))
    with smtplib.SMTP("127.0.0.1", submission.port) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(pem)))
        client.login("anybody", key)
        client.send_message(message())
