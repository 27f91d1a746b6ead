"""Exceptions that `mail.send()` raises.

smtplib.SMTPException   so that a view written for a mail server needs no change
└── NotQueued           nothing was accepted; the message can be sent again
    ├── Refused         this message cannot be mailed: `problems`, (field, what is wrong)
    ├── Away            Mailroom, or its ledger, cannot be reached just now
    └── NotSetUp        the application does not say where its Mailroom is
"""

from __future__ import annotations

from collections.abc import Sequence
from smtplib import SMTPException


class NotQueued(SMTPException):
    """Nothing was accepted."""


class Refused(NotQueued):
    """The message cannot be mailed as it is."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            "; ".join(f"{field}: {sentence}" if field else sentence for field, sentence in problems)
        )
        self.problems = list(problems)


class Away(NotQueued):
    """Try again: nobody answered, or the ledger is away."""


class NotSetUp(NotQueued):
    """Says which setting is missing."""
