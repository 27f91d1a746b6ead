"""The parts of a message and how they hold together, laid out once per mailing.

    multipart/mixed
      multipart/alternative
        text/plain
        multipart/related
          text/html
          what the HTML shows (cid:...)
      attachments

Levels with a single part in them are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from mailroom.content.addresses import quoted
from mailroom.content.content import Attachment, Content
from mailroom.content.message.body import Keep, Piece, body_pieces, kept
from mailroom.content.message.encoding import BASE64_SLICE, base64_lines
from mailroom.content.message.file_names import personal_file_name
from mailroom.content.message.headers import clean

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
CONTENT_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:; *{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*').fullmatch


@dataclass(frozen=True, slots=True)
class MimePart:
    """Its Content-... fields, and its body in pieces."""

    fields: Piece
    body: Sequence[Piece]


def root_part(content: Content, uid: str, keep: Keep) -> MimePart:
    """The whole of `content` as one part; `uid` makes the boundaries this mailing's own. `keep` has large
    files as they are read, piece by piece.
    """
    personal = content.is_personal
    shown = [a for a in content.attachments if content.html and a.content_id]
    others = [a for a in content.attachments if not (content.html and a.content_id)]
    bodies: list[MimePart] = []
    if content.text or not content.html:
        bodies.append(_text_part("plain", content.text, content))
    if content.html:
        html = _text_part("html", content.html, content)
        pictures = [_file_part(one, keep, personal=personal) for one in shown]
        bodies.append(_multipart("related", [html, *pictures], uid))
    body = _multipart("alternative", bodies, uid)
    return _multipart("mixed", [body, *(_file_part(one, keep, personal=personal) for one in others)], uid)


def _multipart(subtype: str, parts: list[MimePart], uid: str) -> MimePart:
    if len(parts) == 1:
        return parts[0]
    # "=_" is in no quoted-printable or base64 text, so no boundary is in any part.
    boundary = f"=_{subtype}_{re.sub('[^A-Za-z0-9]', '', uid)[:40]}"
    parameter = ' type="text/html";' if subtype == "related" else ""
    fields = f'Content-Type: multipart/{subtype};{parameter}\r\n boundary="{boundary}"\r\n'
    body: list[Piece] = []
    opening = f"--{boundary}\r\n".encode("ascii")
    for part in parts:
        body += [opening, part.fields, b"\r\n", *part.body]
        opening = f"\r\n--{boundary}\r\n".encode("ascii")
    body.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return MimePart(fields.encode("ascii"), body)


def _text_part(subtype: str, source: str, content: Content) -> MimePart:
    encoding, pieces = body_pieces(
        source, html=subtype == "html", personal=content.is_personal, linked=content.is_bulk
    )
    fields = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n'
    return MimePart(fields.encode("ascii"), pieces)


def _file_part(attachment: Attachment, keep: Keep, *, personal: bool) -> MimePart:
    fields = partial(_file_fields, attachment)
    # In pieces that are never joined: of a large file there is one copy, in base64.
    body = [kept(base64_lines(data), keep) for data in attachment.slices(BASE64_SLICE)]
    filled = personal_file_name(attachment.filename, fields) if personal else None
    return MimePart(filled or fields(clean(attachment.filename)).encode("ascii", "replace"), body)


def _file_fields(attachment: Attachment, name: str) -> str:
    disposition = "inline" if attachment.content_id else "attachment"
    fields = [
        f"Content-Type: {_content_type(attachment.content_type)}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition}{_filename(name)}",
    ]
    if attachment.content_id:
        fields.append(f"Content-ID: <{clean(attachment.content_id).strip('<>')}>")
    return "\r\n".join(fields) + "\r\n"


def _content_type(given: str) -> str:
    # A message or multipart must not be in base64 (RFC 2046, 5.2.1): as a plain file it may.
    if not CONTENT_TYPE(given) or given.lower().startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return given


def _filename(name: str) -> str:
    """The filename parameter; by RFC 2231 other scripts, long names, and what would be taken for encoded."""
    if not name:
        return ""
    if name.isascii() and len(name) < 60 and "=?" not in name:
        return f";\r\n filename={quoted(name)}"
    return encoded_parameter("filename", name.encode("utf-8", "replace"), "utf-8")


def encoded_parameter(name: str, value: bytes, charset: str) -> str:
    """A parameter by RFC 2231, a line for each piece of it, from its semicolon on."""
    whole = quote(value, safe="")
    chunks = re.findall(r"(?:%..|[^%]){1,55}", f"{charset}''{whole}")
    # The prefix holds two quotes that are not part of the value; a chunk never cuts an octet.
    if len(chunks) == 1:
        return f";\r\n {name}*={chunks[0]}"
    return "".join(f";\r\n {name}*{number}*={chunk}" for number, chunk in enumerate(chunks))
