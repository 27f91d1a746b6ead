"""A relay's record as it would be, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

BOUNCED = "550 5.1.1 <{}>: no such user"
SENT = "250 2.0.0 Ok: queued as 4X1"


class Logged(NamedTuple):
    """One mail, as a relay saw it. `status`: "": it is in the queue, and that is all."""

    message_id: str
    recipient: str
    status: str = "sent"
    orig_to: str = ""
    client: str = "192.0.2.7"
    sender: str = "news@sender.example"


def postfix(mails: Iterable[Logged], at: str = "Nov 29 07:00:00", first: int = 0) -> str:
    lines = []
    for number, mail in enumerate(mails, first):
        queue_id = f"{number:011X}"

        def line(daemon: str, text: str, queue_id: str = queue_id) -> str:
            return f"{at} relay postfix/{daemon}[1]: {queue_id}: {text}\n"

        lines += [
            line("smtpd", f"client=mailroom[{mail.client}]"),
            line("cleanup", f"message-id={mail.message_id}"),
            line("qmgr", f"from=<{mail.sender}>, size=366, nrcpt=1 (queue active)"),
        ]
        if mail.status:
            orig_to = f"orig_to=<{mail.orig_to}>, " if mail.orig_to else ""
            dsn, said = ("5.1.1", f"host mx said: {BOUNCED}") if mail.status == "bounced" else ("2.0.0", SENT)
            words = said.format(mail.recipient)
            rest = (
                f"relay=mx[192.0.2.1]:25, delay=1, delays=1/0/0/0, dsn={dsn}, status={mail.status} ({words})"
            )
            lines += [line("smtp", f"to=<{mail.recipient}>, {orig_to}{rest}"), line("qmgr", "removed")]
    return "".join(lines)
