"""What people and their programs answer is no bounce; and where an address forwards to is not itself."""

from __future__ import annotations

import pytest

from mailroom.feedback.reading import MailEnvelope, MailReading, read_mail
from mailroom.feedback.report import Report

TOKEN = "b" + "a" * 20 + "017"
PATH = f"bounces+{TOKEN}@news.example"

GONE_TODAY = "My address ann@mail.example does not exist any more; mail to it could not be delivered."
QUOTED = """Content-Type: multipart/mixed; boundary=b

--b

What is this?
--b
Content-Type: text/plain

Final-Recipient: rfc822; bo@mail.example
Action: failed
Status: 5.1.1

--b--
"""


def read(header: str, text: str, sender: str = "") -> MailReading:
    whole = f"To: {PATH}\nMessage-ID: <1@mail.example>\nMIME-Version: 1.0\n{header}\n{text}"
    return read_mail(whole.encode(), "smtp", MailEnvelope(sender, (PATH,)))


@pytest.mark.parametrize(
    ("header", "text", "sender"),
    [
        ("From: ann@mail.example\nSubject: I have left\nPrecedence: junk\n", GONE_TODAY, ""),
        ("From: ann@mail.example\nReturn-Path: <>\nSubject: Info\n", GONE_TODAY, "x@mail.example"),
        ("From: postmaster@mail.example\nSubject: Re: News\n", "It has failed.", "postmaster@mail.example"),
        ("From: delivery@shop.example\nSubject: AW: News\n", "Not delivered yet?", "delivery@shop.example"),
        ("From: Mail System <bounce@mail.example>\nSubject: Fwd: failure\n", GONE_TODAY, "a@mail.example"),
        ("From: ann@mail.example\nSubject: Question\n" + QUOTED, "", "ann@mail.example"),
    ],
    ids=["null path", "return path", "postmaster", "delivery", "forward", "quoted fields"],
)
def test_what_somebody_answers_is_none(header: str, text: str, sender: str) -> None:
    found = read(header, text, sender)
    assert (found.reports, found.unsubscriptions) == ((), ()) and found.why


def dsn(fields: str) -> Report:
    header = "From: mailer-daemon@mail.example\nContent-Type: multipart/report; boundary=b\n"
    parts = f"--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\n{fields}\n\n--b--\n"
    (report,) = read(header, parts).reports
    return report


@pytest.mark.parametrize(
    ("fields", "is_forwarded"),
    [
        ("Final-Recipient: rfc822; ann@far.example\nOriginal-Recipient: rfc822;ann@mail.example", True),
        ("Final-Recipient: rfc822; ann@mail.example\nX-Actual-Recipient: rfc822; ann@far.example", True),
        ("Final-Recipient: rfc822; ann@notmail.example\nOriginal-Recipient: rfc822;ann@mail.example", True),
        ("Final-Recipient: rfc822; ann@MAIL.example\nOriginal-Recipient: rfc822;ann@mail.example", False),
        ("Final-Recipient: rfc822; ann@mail.example\nX-Actual-Recipient: rfc822; a@mx.mail.example", False),
        ("Final-Recipient: rfc822; ann@mail.example", False),
    ],
)
def test_where_it_forwards_to_is_gone_and_it_is_not(fields: str, is_forwarded: bool) -> None:
    report = dsn(f"{fields}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown")
    assert (report.kind, report.address) == ("bounced", "ann@mail.example")
    assert report.is_transient is is_forwarded, "then it blames nobody at once"
