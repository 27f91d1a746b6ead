"""Header fields as they go over the wire: ASCII, folded, and nothing smuggled in."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator

from mailroom.content.addresses import PHRASE, Address, quoted

HEADER_WIDTH = 76
"""A folded line's length at most, where its words allow it."""

HARD_WIDTH = 900
"""No word is longer: a line of 998 octets is the end of what servers take."""


def clean(value: str) -> str:
    """`value` on one line: whatever could end a header field becomes a space."""
    if value.isprintable():
        return value.strip(" ")
    return _BREAKS.sub(" ", value).strip(" ")


_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def text_header(name: str, value: str) -> bytes:
    """A field of plain words, such as Subject, which a reader shows exactly as given."""
    value = clean(value)
    if _is_plain(value):
        if len(name) + 2 + len(value) <= HEADER_WIDTH:
            return f"{name}: {value}\r\n".encode("ascii")
        words = value.split(" ")
        if "" not in words and max(map(len, words)) < HEADER_WIDTH - len(name) - 2:
            return _folded(name, words)
    return _folded(name, encoded_words(value, HEADER_WIDTH - len(name) - 2))


def extra_header(name: str, value: str) -> bytes:
    """A field that a person named: long words stay whole, since they may be URLs or ids."""
    value = clean(value)
    words = value.split(" ")
    if value.isascii() and max(map(len, words)) <= HARD_WIDTH:
        if "" in words and len(name) + 2 + len(value) <= HARD_WIDTH:
            return f"{name}: {value}\r\n".encode("ascii")
        return _folded(name, words)
    return _folded(name, encoded_words(value, HEADER_WIDTH - len(name) - 2))


def address_header(name: str, addresses: Iterable[Address]) -> bytes:
    words: list[str] = []
    for address in addresses:
        if words:
            words[-1] += ","
        words += _mailbox(address.name, address.address, HEADER_WIDTH - len(name) - 2)
    return _folded(name, words)


def to_header(address: str, name: str) -> bytes:
    """To, for one recipient: made for every single mail, so the usual case is first."""
    if len(address) + len(name) < 70 and address.isprintable():
        if not name:
            return f"To: {address}\r\n".encode("ascii", "replace")
        if PHRASE(name) and "=?" not in name:
            return f"To: {name} <{address}>\r\n".encode("ascii", "replace")
    return _folded("To", _mailbox(name, address, HEADER_WIDTH - 4))


def _mailbox(name: str, address: str, room: int) -> list[str]:
    """A mailbox as words that a line may be folded between."""
    name, address = " ".join(clean(name).split()), clean(address)
    if not name:
        return [address]
    if _is_plain(name):
        words = (name if PHRASE(name) else quoted(name)).split(" ")
        if max(map(len, words)) < room:
            return [*words, f"<{address}>"]
    return [*encoded_words(name, room), f"<{address}>"]


def _is_plain(value: str) -> bool:
    """Whether a reader shows these very characters: ASCII, nothing that looks encoded."""
    return value.isascii() and "=?" not in value


def _folded(name: str, words: Iterable[str]) -> bytes:
    line, lines = f"{name}:", []
    for word in words:
        # Not right after the colon: a field that begins with an empty line confuses some.
        if len(line) + 1 + len(word) > HEADER_WIDTH and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")


_Q_SAFE = re.compile(rb"[^A-Za-z0-9!*+\-/ ]")


def encoded_words(value: str, first_room: int, charset: str = "utf-8", codec: str = "utf-8") -> list[str]:
    """`value` as encoded-words of RFC 2047, each of whole characters and at most 75 long.

    The first is to fit into `first_room`, beside the field's name. `codec` is Python's name
    for what stands in them as `charset`.
    """
    raw = value.encode(codec, "replace")
    frame = len(f"=?{charset}?q??=")
    room, later = first_room - frame, 75 - frame
    whole = _q(raw)
    if len(whole) > len(raw) * 4 // 3 + 4:
        fits, most = room // 4 * 3, later // 4 * 3
        chunks = _chunks(value, codec, len, fits, most) if len(raw) > fits else [raw]
        return [f"=?{charset}?b?{_b(chunk)}?=" for chunk in chunks]
    if len(whole) <= room:
        return [f"=?{charset}?q?{whole}?="]
    return [f"=?{charset}?q?{_q(chunk)}?=" for chunk in _chunks(value, codec, _q_size, room, later)]


def _chunks(
    value: str, codec: str, size_of: Callable[[bytes], int], room: int, later_room: int
) -> Iterator[bytes]:
    chunk, size, room = b"", 0, max(room, 12)
    for character in value:
        raw = character.encode(codec, "replace")
        added = size_of(raw)
        if size + added > room:
            yield chunk
            chunk, size, room = b"", 0, later_room
        chunk, size = chunk + raw, size + added
    yield chunk


def _q(raw: bytes) -> str:
    return _Q_SAFE.sub(_q_octet, raw).replace(b" ", b"_").decode("ascii")


def _q_octet(match: re.Match[bytes]) -> bytes:
    return b"=%02X" % match[0][0]


def _q_size(raw: bytes) -> int:
    return len(_q(raw))


def _b(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode("ascii")
