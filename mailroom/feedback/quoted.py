"""Quotes in a report of the mail that it is about: its Message-ID, its return path, who it was for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailroom.content.links.return_tokens import tokens_in
from mailroom.feedback.received import LONGEST_VALUE_READ, ReceivedMail, value_of
from mailroom.feedback.recipients import addresses_in

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,338}>")
_WRITTEN_ID = re.compile(
    r"^[>|*\s]{0,20}message-?id\s?:\s{0,20}(<[!-;=?-~]{1,338}>)", re.IGNORECASE | re.MULTILINE
)
_WRITTEN_TO = re.compile(r"^[>|*\s]{0,20}to\s?:[ \t]{0,20}(\S[^\n]{0,300})$", re.IGNORECASE | re.MULTILINE)
_CARRY_TOKENS = ("return-path", "list-unsubscribe", "x-envelope-from", "envelope-from", "sender", "errors-to")


@dataclass(frozen=True, slots=True)
class QuotedMail:
    """ "" for what is not said. `to`: where it names one person only."""

    token: str = ""
    message_id: str = ""
    to: str = ""


def quoted_in(mail: ReceivedMail) -> QuotedMail:
    original, text = mail.original, mail.text
    if original is not None:
        carried = "\n".join(value_of(original, name) for name in _CARRY_TOKENS)
        message_id = first_id(value_of(original, "message-id"))
        to = value_of(original, "to")
    else:
        carried, message_id, to = "", "", ""
    tokens = [*tokens_in(carried), *tokens_in(text)]
    return QuotedMail(
        # Of two, the return path: an unsubscribe address may be somebody's who is quoted further down.
        token=next((token for token in tokens if token.startswith("b")), next(iter(tokens), "")),
        message_id=message_id or _written(_WRITTEN_ID, text) or answered_id(mail),
        to=_only_one(to or _written(_WRITTEN_TO, text)),
    )


def first_id(value: str) -> str:
    found = _MESSAGE_ID.search(value[:LONGEST_VALUE_READ])
    return found[0] if found else ""


def answered_id(mail: ReceivedMail) -> str:
    """Of the mail that this one is an answer to, as it says itself."""
    return first_id(mail.value("in-reply-to")) or first_id(mail.value("references"))


def _written(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _only_one(value: str) -> str:
    found = list(dict.fromkeys(addresses_in(value)))
    return found[0] if len(found) == 1 else ""
