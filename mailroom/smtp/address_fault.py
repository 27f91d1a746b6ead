"""Address fault: whether a refusal, or a bounce, is the address's fault. Pure words, as in blame.py.

Whoever is judged here is mailed no more, so what may be about our policy, our content or our standing
blames no address, whatever else is said beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto

from mailroom.smtp.blame import (
    CLIENT,
    GREETING,
    OF_A_MESSAGE,
    OF_A_SENDER,
    RELAYING,
    SENDER,
    Blame,
    blamed,
    words_of,
)
from mailroom.smtp.reply import Reply


class AddressFault(Enum):
    GONE = auto()  # there is no such address: never again
    PERHAPS = auto()  # full, disabled, unclear: several of these are one
    NONE = auto()  # policy, the message, its sender, or us


_CODE = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_SAYS_NOTHING = re.compile(r"\d\.0\.0\Z")
_GONE = re.compile(r"5\.1\.(?:1|2|3|10)\Z")
_OF_POLICY = re.compile(r"[245]\.(?:[67]\.\d+|3\.4|2\.3)\Z")

_WORDS_OF_POLICY = re.compile(
    r"\bspam|\bjunk\b|\bpolic(?:y|ies)\b|reputation|unsolicited|\bbulk\b|\bblock(?:ed|ing)?\b|\bbanned\b"
    r"|(?:black|block|deny|gr[ae]y)-?list|prohibit|\bvirus|\bmalware|\bphish|\bcontent\b|\bdmarc\b|\bspf\b"
    r"|\bdkim\b|access denied|not (?:permitted|allowed|authori[sz]ed)|administrative|unauthenticated|\brate\b"
    r"|too many|too (?:fast|quickly)\b|\burls?\b|suspicious|\bfraud|\btls\b|\blisted (?:at|in|by|on)\b"
    r"|\byour (?:\w+ )?domain\b"
)
_WORDS_OF_SENDER = re.compile(
    r"\(sender\)|\b(?:of|for|from)(?: the)? sender\b|\bsender (?:address|domain)|\boriginator\b"
    r"|\b(?:return|reverse)[ -]?(?:address|path)|\b(?:envelope|mail|header)[ -]from\b|\bfrom:"
    r"|\bfrom (?:address|header|field|unknown)"
)
_WHO = r"(?:user(?:name)?|mail ?box|recipient|address|person|account|addressee|alias)"
_WORDS_OF_GONE = re.compile(
    rf"{_WHO}(?: \w+){{0,6}} (?:unknown|not found|not known|(?:does|do)(?: not|n't) exist|not exist|invalid"
    r"|not valid|non-?existent|(?:could not|couldn't) be found|not listed|no longer (?:works|valid|exists))"
    r"|(?:no such|unknown|invalid|not a (?:valid|known)|non-?existent|unrouteable|bad destination)"
    rf"(?: \w+){{0,2}} {_WHO}"
    r"|(?:user|recipient) (?:doesn't|does not) have an? [\w. -]{0,40}account"
    r"|no mail ?box (?:here )?by that name|user not (?:local|here)|not our (?:customer|user)"
    r"|(?:host|domain)(?: or domain)?(?: name)?(?: \w+){0,2} not found|no such domain|unknown (?:host|domain)"
    r"|domain(?: \w+){0,2} (?:does not|doesn't) exist|accepts no mail|null ?mx"
)
_WORDS_OF_PERHAPS = re.compile(
    r"\bfull\b|quota|storage|\bspace\b|\bdisabled\b|\binactive\b|suspended|temporar|\btimed? ?out\b|try again"
    r"|\bunavailable\b|\blater\b|connection|\bloop"
)
_OF_OTHERS_IN_WORDS = (
    *(_WORDS_OF_POLICY, _WORDS_OF_SENDER, SENDER),
    *(OF_A_MESSAGE, RELAYING, CLIENT, GREETING),
)
"""Beside any code: some servers have 5.1.1 for whatever they refuse at RCPT."""

_OF_OTHERS = (Blame.SENDER, Blame.QUOTA, Blame.US)


def address_fault(
    code: int | None, words: str, names: Iterable[str] = (), status: str = "", *, is_transient: bool = False
) -> AddressFault:
    """`status`: an enhanced code that was said beside the words; `names`: what the words may quote."""
    reply = Reply(code or 550, words)
    text, codes = words_of(reply, names), [one for one in (status, *_CODE.findall(words)) if one]
    if _is_of_others(Reply(reply.code, f"{status} {words}".strip()), text, codes, names):
        return AddressFault.NONE
    if is_transient or reply.is_temporary or status.startswith("4"):
        return AddressFault.PERHAPS
    telling = [one for one in codes if not _SAYS_NOTHING.match(one)]
    says_gone, says_perhaps = (words.search(text) for words in (_WORDS_OF_GONE, _WORDS_OF_PERHAPS))
    if telling:
        is_gone = _GONE.match(telling[0]) is not None and not (says_perhaps and not says_gone)
    else:
        is_gone = bool(says_gone) and not says_perhaps
    return AddressFault.GONE if is_gone else AddressFault.PERHAPS


def _is_of_others(reply: Reply, text: str, codes: Iterable[str], names: Iterable[str]) -> bool:
    """Whether policy, the message, its sender or we may be the reason."""
    if any(_OF_POLICY.match(one) or OF_A_SENDER.match(one) for one in codes):
        return True
    if any(words.search(text) for words in _OF_OTHERS_IN_WORDS):
        return True
    return blamed("rcpt", reply, names) in _OF_OTHERS
