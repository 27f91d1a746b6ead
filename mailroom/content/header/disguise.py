"""Spoofing: what in an author's field may be taken for another author.

Readers disagree about damaged encoded-words, quotes within quotes, blanks within brackets, and
about whether to decode before or after they look for addresses. So whoever may speak for some
addresses only gets a grammar in which nothing of this can be said.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterator, Sequence

from mailroom.content.header.mailboxes import Token, UnreadableMailboxes, tokens
from mailroom.content.header.words import WORD, codec, decoded

CHARSETS = re.compile(
    r"(utf-8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-(jp|kr)"
    r"|shift_jis|iso-2022-jp|ks_c_5601-1987|unknown-8bit)(\*[a-z-]+)?",
    re.IGNORECASE,
).fullmatch
"""Every reader knows them, and ASCII octets mean in them what they mean everywhere."""

_LIKE_A_WORD = re.compile(r"=[ \t]*\?|\?[ \t]*=")
_Q = re.compile(r"(?:[!-<>@-~]|=[0-9A-Fa-f]{2})*+").fullmatch
_PLAIN_COMMENT = re.compile(r'\([^()"\\]*+\)').fullmatch
_PLAIN_LOCAL = re.compile(r'(?:[^"]|"[\w .+-]++"@)[^"]*+', re.ASCII).fullmatch
_NEVER_A_NAME = re.compile(r"[<>\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_AT_WORK = re.compile(r"(?<=\w )@ [\w-]++(?! ?[.(])")
"""Of `Jörg @ Work`: no domain, for it has no dot, even where blanks and comments are taken out."""


def disguise(text: str) -> str:
    """Why an author's field may name somebody else, too; "" when it cannot.

    `text` is its body in ASCII, unfolded, of which `mailboxes` can be read.
    """
    try:
        return next(_doubts(list(tokens(text))), "")
    except UnreadableMailboxes as reason:
        return str(reason)


def _doubts(found: Sequence[Token]) -> Iterator[str]:
    encoded = [token for token in found if _LIKE_A_WORD.search(token.text)]
    for token in encoded:
        _check(token)
    for at, token in enumerate(found):
        if token.text == "<" and [one.text for one in found[at + 2 : at + 3]] != [">"]:
            yield "there is more than an address within its angle brackets"
        if token.kind == "comment" and not _PLAIN_COMMENT(token.text):
            yield "a comment holds quotes or another comment"
    is_plain = not encoded and not any("\\" in token.text for token in found)
    for token in found:
        if token.kind == "address" and not _PLAIN_LOCAL(token.text):
            yield f"what stands in quotes before an @ may be taken for another address: {token.text[:60]!r}"
        if token.kind == "quoted" and _NEVER_A_NAME.search(token.text):
            yield f"a name holds what only an address may: {token.text[:60]!r}"
    # As somebody reads it who decodes first; plain quotes are known to everybody.
    said = unicodedata.normalize("NFKC", decoded("".join(_named(token, is_plain) for token in found)))
    if _NEVER_A_NAME.search(said) or _LIKE_A_WORD.search(said):
        yield f"a name holds what only an address or an encoded-word may: {said.strip()[:60]!r}"
    if "@" in _AT_WORK.sub("", said):
        yield f"a name may be taken for an address: {said.strip()[:60]!r}"
    list(tokens(decoded("".join(token.text for token in found))))


def _named(token: Token, is_plain: bool) -> str:
    """What is no address. The two @ that everybody sees in one place are not looked at."""
    if token.kind in ("address", "special") or (is_plain and token.kind == "quoted"):
        return ","
    return token.text


def _check(token: Token) -> None:
    """An encoded-word is whole, stands by itself, and is read alike by everybody."""
    word = WORD.fullmatch(token.text) if token.kind == "word" else None
    if word is None:
        raise UnreadableMailboxes(f"an encoded-word is damaged, or stands in quotes: {token.text[:60]!r}")
    charset, encoding, encoded = word.groups()
    octets = _octets(encoding, encoded)
    if octets is None or not CHARSETS(charset):
        raise UnreadableMailboxes(f"an encoded-word cannot be read by everybody: {token.text[:60]!r}")
    # Into another set of characters and not back: the next word would be read in that.
    if b"\x1b" in octets and not re.search(rb"\x1b\([BJ][^\x1b]*\Z", octets):
        raise UnreadableMailboxes(f"an encoded-word does not end in ASCII: {token.text[:60]!r}")
    try:
        octets.decode(codec(charset) or "latin-1")
    except UnicodeError:
        raise UnreadableMailboxes(f"an encoded-word ends within a character: {token.text[:60]!r}") from None


def _octets(encoding: str, encoded: str) -> bytes | None:
    if encoding in "Qq":
        return a2b_qp(encoded.encode("ascii"), header=True) if _Q(encoded) else None
    try:
        return a2b_base64(encoded, strict_mode=True)
    except Error:
        return None
