"""Bodies as they go over the wire: quoted-printable or base64, by the C codecs.

Never 7bit, though it would do for plain English: an encoded body cannot end the
message early, nor hold a line that is too long, whatever a recipient's values are.
"""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from collections.abc import Callable

Encode = Callable[[str], bytes]


def quoted_printable(text: str) -> bytes:
    """Whole lines (each ends with CRLF) in quoted-printable."""
    return _without_lone_dots(b2a_qp(text.encode("utf-8", "replace")))


def quoted_printable_part(text: str) -> bytes:
    """Text that ends within a line, in quoted-printable, closed by a soft line break."""
    encoded = quoted_printable_octets(text.encode("utf-8", "replace"))
    if len(encoded) - encoded.rfind(b"\n") > 76:  # no room for the "=" that follows
        cut = -3 if encoded[-3:-2] == b"=" else -1
        encoded = b"%s=\r\n%s" % (encoded[:cut], encoded[cut:])
    return _without_lone_dots(encoded + b"=\r\n")


def quoted_printable_octets(raw: bytes) -> bytes:
    encoded = b2a_qp(raw)
    # Without a CRLF in it, the codec took LF for this text's line end.
    return encoded if b"\r\n" in raw else encoded.replace(b"\n", b"\r\n")


def _without_lone_dots(encoded: bytes) -> bytes:
    # The codec encodes a lone dot on a line, but not one that a soft line break left alone.
    return encoded.replace(b"\r\n.\r\n", b"\r\n=2E\r\n")


def base64_text(text: str) -> bytes:
    return base64_lines(text.encode("utf-8", "replace"))


BASE64_SLICE = 57 * 18_000
"""Octets that make whole lines of base64: some megabyte of them."""


def base64_lines(data: bytes) -> bytes:
    encoded = b2a_base64(data, newline=False)
    lines = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
    return b"\r\n".join([*lines, b""])


def encoding_for(text: str) -> tuple[str, Encode]:
    """The shorter of the two for `text`; quoted-printable, which people can read, when near."""
    raw = text.encode("utf-8", "replace")
    beyond_ascii = len(raw) - len(raw.decode("ascii", "ignore"))
    if beyond_ascii * 5 > len(raw):
        return "base64", base64_text
    return "quoted-printable", quoted_printable
