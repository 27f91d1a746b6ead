"""A message for servers that take 7 bits and short lines, its content unchanged.

Only a part that needs it is encoded anew; every other octet stays where it was, so that
a signature over an untouched part still holds.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import a2b_qp, b2a_qp
from email.message import Message
from email.parser import BytesHeaderParser

from mailroom.content.encoding import base64_lines
from mailroom.content.fields import MOST_OCTETS, Field, Unmailable, joined, seven_bit, split, without

DEEPEST = 30
_LONG = re.compile(rb"[^\r\n]{%d}" % (MOST_OCTETS + 1)).search


def fits(data: bytes) -> bool:
    """Whether every server takes it."""
    return data.isascii() and b"\0" not in data and _LONG(data) is None


def downgraded(part: bytes, depth: int = 0) -> bytes:
    """`part` (fields and body, CRLF line ends) so that every server takes it. Raises Unmailable."""
    if fits(part):
        return part
    if depth > DEEPEST:
        raise Unmailable(f"its parts are nested more than {DEEPEST} deep")
    fields, body = split(part)
    fields = [seven_bit(field) for field in fields]
    if fits(body):
        return joined(fields, body)
    parsed = BytesHeaderParser().parsebytes(joined(fields, b""))
    kind = parsed.get_content_type()
    if kind == "multipart/signed":
        raise Unmailable("a signed part has octets above 127 or a line of more than 998: sign it in 7 bits")
    if kind.startswith("multipart/"):
        return joined(_as_7bit(fields), _each_part(body, parsed.get_boundary(), depth))
    if kind == "message/rfc822":
        return joined(_as_7bit(fields), downgraded(body, depth + 1))
    return joined(*_leaf(fields, body, parsed))


def _as_7bit(fields: list[Field]) -> list[Field]:
    """What was announced as 8bit or binary is it no more."""
    return without(fields, "content-transfer-encoding")


def _each_part(body: bytes, boundary: str | None, depth: int) -> bytes:
    if not boundary:
        raise Unmailable("a multipart has no boundary")
    line = re.compile(
        rb"(?:\A|\r\n)--%b(?:--)?[ \t]*(?=\r\n|\Z)" % re.escape(boundary.encode("ascii", "replace"))
    )
    found = list(line.finditer(body))
    if not found:
        raise Unmailable("a multipart does not hold its own boundary")
    pieces = [body[: found[0].start()] if fits(body[: found[0].start()]) else b""]
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(body)
        pieces.append(match[0])
        if match[0].rstrip().endswith(b"--" + boundary.encode() + b"--"):
            break
        pieces += [b"\r\n", downgraded(body[match.end() + 2 : end], depth + 1)]
    return b"".join(pieces)


def _leaf(fields: list[Field], body: bytes, parsed: Message) -> tuple[list[Field], bytes]:
    fields = without(fields, "content-transfer-encoding")
    if not any(field.name == "content-type" for field in fields) and _is_utf8(body):
        fields.append(Field("content-type", b'Content-Type: text/plain; charset="utf-8"'))
    before = str(parsed.get("Content-Transfer-Encoding", "")).strip().lower()
    plain = _decoded(body, before)
    if parsed.get_content_maintype() == "text" and before != "base64":
        encoding, encoded = b"quoted-printable", _quoted_printable(plain)
    else:
        encoding, encoded = b"base64", base64_lines(plain)
    fields.append(Field("content-transfer-encoding", b"Content-Transfer-Encoding: " + encoding))
    return fields, encoded


def _decoded(body: bytes, encoding: str) -> bytes:
    try:
        if encoding == "base64":
            return b64decode(body)
        return a2b_qp(body) if encoding == "quoted-printable" else body
    except ValueError:
        raise Unmailable(f"a part is not the {encoding} that it says it is") from None


def _quoted_printable(plain: bytes) -> bytes:
    encoded = b2a_qp(plain)
    # Without a CRLF before it, the codec took LF for this text's line end.
    return encoded if b"\r\n" in plain else encoded.replace(b"\n", b"\r\n")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
