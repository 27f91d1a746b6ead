"""Words of servers and their bounces: what they say happened, as far as that can be told without a standard.

Addresses are found by flufl.bounce, which knows fifty kinds. Whether it failed, will be tried again, or may
be otherwise tomorrow is read here.
"""

from __future__ import annotations

import logging as logging_of_others
import re
from email.message import Message
from typing import NamedTuple

from flufl.bounce import all_failures

from mailroom.feedback.phrases import COPY_BEGINS, NOT_FOR_GOOD, SAYS_DELAYED, SAYS_FAILED, SAYS_GIVEN_UP
from mailroom.feedback.received import ReceivedMail, lines_of
from mailroom.feedback.recipients import addresses_in
from mailroom.smtp.reply import UNSAFE_IN_REPLY

LONGEST_WORDS = 600


class ToldWords(NamedTuple):
    """What a server said. `code`: None where it gave none; `status`: enhanced, "" likewise."""

    code: int | None = None
    status: str = ""
    words: str = ""

    @property
    def is_transient(self) -> bool:
        """Whether it may be otherwise next time."""
        if self.status.startswith("4") or self.status in _FULL_STATUS:
            return True
        if self.code is not None and (self.code < 500 or self.code == 552):
            return not self.status.startswith("5.7")
        return bool(NOT_FOR_GOOD.search(self.words))


class FoundAddresses(NamedTuple):
    delayed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


_FULL_STATUS = frozenset(("5.2.2", "5.3.1", "5.4.7", "5.4.300"))
_CODE = re.compile(r"(?<![\w.#/@-])([45]\d\d)(?![\w%])")
_STATUS = re.compile(r"(?<![\d.])([45]\.[0-7]\.\d{1,3})(?![.\d])")


def told_in(words: str) -> ToldWords:
    """Of a server's reply, however it is introduced."""
    words = " ".join(UNSAFE_IN_REPLY.sub(" ", words[: 4 * LONGEST_WORDS]).split())[:LONGEST_WORDS]
    code, status = _CODE.search(words), _STATUS.search(words)
    return ToldWords(int(code[1]) if code else None, status[1] if status else "", words)


def told_of(mail: ReceivedMail, address: str) -> ToldWords:
    """What the text of a bounce says of this address: the lines behind its name, or the ones with a code."""
    text = own_text(mail)
    lines = [line.strip() for line in lines_of(text)]
    near = _paragraph(lines, address) if address else []
    for words in (near, [line for line in lines if _CODE.search(line) or _STATUS.search(line)][:4]):
        if told := _worth(words):
            return told
    return told_in(" ".join(near or [line for line in lines if line][:6]))


def own_text(mail: ReceivedMail) -> str:
    """The text without the mail that it returns."""
    text = mail.text
    # Not at once: some draw lines above what they say, too.
    copy = next(
        (found.start() for found in COPY_BEGINS.finditer(text) if text[: found.start()].count("@")), None
    )
    return text if copy is None else text[:copy]


def says_delayed(text: str) -> bool:
    return bool(SAYS_DELAYED.search(text)) and not SAYS_GIVEN_UP.search(text)


def says_failed(text: str) -> bool:
    return bool(SAYS_FAILED.search(text))


def found_addresses(mail: ReceivedMail) -> FoundAddresses:
    """By flufl.bounce: of a message that has only what it needs, each line of it short."""
    logging_of_others.getLogger("flufl.bounce").setLevel(logging_of_others.CRITICAL)
    try:
        delayed, failed = all_failures(_within_bounds(mail))
    except Exception:  # it reads what strangers wrote, in twenty ways
        return FoundAddresses()
    return FoundAddresses(_plain(delayed), _plain(failed))


def _plain(addresses: frozenset[bytes]) -> tuple[str, ...]:
    text = sorted(address.decode("ascii", "replace") for address in addresses)
    return tuple(next(addresses_in(address), "") for address in text if "@" in address)


def _within_bounds(mail: ReceivedMail) -> Message:
    made = Message()
    for name in ("from", "subject", "x-failed-recipients", "x-mailer"):
        if value := mail.value(name):
            made[name] = value.encode("ascii", "replace").decode("ascii")
    texts = [leaf for leaf in mail.leaves[:5] if leaf.content_type in ("text/plain", "text/html")]
    kind = mail.whole.content_type
    if not kind.startswith("multipart/") or not texts:
        made["content-type"] = "text/plain"
        made.set_payload("\n".join(lines_of(mail.text)))
        return made
    made["content-type"] = kind
    for leaf in texts:
        part = Message()
        part["content-type"] = leaf.content_type
        if description := leaf.first("content-description"):
            part["content-description"] = description[:60].encode("ascii", "replace").decode("ascii")
        part.set_payload("\n".join(lines_of(leaf.text.replace("\r\n", "\n"))))
        made.attach(part)
    return made


def _paragraph(lines: list[str], address: str) -> list[str]:
    """The line that names an address, and what follows up to the next one that does, or an empty line."""
    wanted = address.lower()
    at = next((place for place, line in enumerate(lines) if wanted in line.lower()), None)
    if at is None:
        return []
    rest = lines[at].lower().rpartition(wanted)[2]
    found = [lines[at][len(lines[at]) - len(rest) :].strip(">:)'\" ")] if rest else []
    for line in lines[at + 1 : at + 12]:
        if (not line and any(found)) or next(addresses_in(line), "").lower() not in ("", wanted):
            break
        found.append(line)
    return [line for line in found if line] or [lines[at]]


def _worth(words: list[str]) -> ToldWords | None:
    told = told_in(" ".join(words))
    return told if told.code or told.status else None
