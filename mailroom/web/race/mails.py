"""The mails that race: the same in both halves."""

from __future__ import annotations

RACE_SENDER = "race@example.org"

RACE_TEXT = """Hello,

this mail was sent by Mailroom's race: the same few mails, once inside the
request and once through the queue, to a server that takes its time.
"""


def subject(mails: int) -> str:
    return f"A race of {mails} mails" if mails > 1 else "A race of one mail"


def recipients(mails: int) -> list[str]:
    return [f"runner-{number}@example.org" for number in range(1, mails + 1)]
