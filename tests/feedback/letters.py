"""Mails that come back to a bounce address, as servers write them."""

from __future__ import annotations

from itertools import count

BOUNCES = "bounces@acme.example"
NUMBERS = count()


def path(token: str) -> str:
    return BOUNCES.replace("@", f"+{token}@")


def bounce(
    token: str, to: str, *, action: str = "failed", status: str = "5.1.1", words: str = "User unknown"
) -> bytes:
    """A notification of its own, with a Message-ID that no other one has."""
    code = "550" if status.startswith("5") else "450"
    return f"""Date: Tue, 3 Nov 2026 10:00:02 +0000
From: MAILER-DAEMON@mx.mail.example (Mail Delivery System)
To: {path(token)}
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn{next(NUMBERS)}@mx.mail.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

Your mail could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.mail.example

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {code} {status} {words}

--b--
""".replace("\n", "\r\n").encode()


def letter(to: str, subject: str = "Hello", sender: str = "ann@mail.example") -> bytes:
    """By a person."""
    number = next(NUMBERS)
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@mail.example>\r\n"
    return f"{head}Date: Tue, 3 Nov 2026 10:00:00 +0000\r\n\r\nI write by hand.\r\n".encode()
