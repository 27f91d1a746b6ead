"""Kept submissions: all that a mailing needs, as octets, and back."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.message.encoding import BASE64_SLICE
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.submission import Submission

MOST_KEPT_FILES = 10 * 1024 * 1024
"""Octets of the attachments of a repeat: they are all in memory when a tick is written."""

MOST_KEPT_RECIPIENTS = 200_000
"""Of a repeat, as of a mailing by the API: at each tick they are all in memory."""

_MILLISECOND = timedelta(milliseconds=1)


class TooLargeToKeep(ValueError):
    """`str()` says why, to people."""


def kept(submission: Submission) -> bytes:
    """Raises TooLargeToKeep. When it goes, to whom it belongs and its idempotency are not in it."""
    content = submission.content
    if len(submission.recipients) > MOST_KEPT_RECIPIENTS:
        raise TooLargeToKeep(f"A repeat goes to {MOST_KEPT_RECIPIENTS:,} recipients at the most.")
    if sum(file.size for file in content.attachments) > MOST_KEPT_FILES:
        most = MOST_KEPT_FILES // 1024 // 1024
        raise TooLargeToKeep(f"The attachments of a repeat may have {most} MB together.")
    about = {
        "content": {
            "sender": _address(content.sender),
            "subject": content.subject,
            "text": content.text,
            "html": content.html,
            "reply_to": [_address(one) for one in content.reply_to],
            "headers": content.headers,
            "kind": content.kind,
            "to": [_address(one) for one in content.to],
            "cc": [_address(one) for one in content.cc],
            "purpose": content.purpose,
            "list_name": content.list_name,
        },
        "recipients": [tuple(one) for one in submission.recipients],
        "columns": list(submission.columns),
        "duplicates": submission.duplicates,
        "undo": submission.undo,
        "canary": submission.canary,
        "canary_wait": submission.canary_wait,
        "expires_ms": submission.expires_after // _MILLISECOND,
        "if_unknown": submission.if_unknown,
        "evidence_ms": submission.evidence_wait // _MILLISECOND,
        "tags": list(submission.tags),
    }
    packing = zlib.compressobj(level=1)
    packed = [packing.compress(piece) for piece in _written(about, content.attachments)]
    return b"".join([*packed, packing.flush()])


def read(data: bytes) -> Submission:
    about = json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))
    return Submission(
        content=_content(about["content"], about["attachments"]),
        recipients=[Recipient(*one) for one in about["recipients"]],
        columns=about["columns"],
        duplicates=about["duplicates"],
        undo=about["undo"],
        canary=about["canary"],
        canary_wait=about["canary_wait"],
        expires_after=about["expires_ms"] * _MILLISECOND,
        if_unknown=about["if_unknown"],
        evidence_wait=about["evidence_ms"] * _MILLISECOND,
        tags=[(name, value) for name, value in about["tags"]],
    )


def _content(about: dict[str, Any], files: Sequence[Sequence[Any]]) -> Content:
    several = {name: tuple(Address(*one) for one in about[name]) for name in ("reply_to", "to", "cc")}
    headers = tuple((name, value) for name, value in about["headers"])
    attachments = tuple(
        Attachment(filename, kind, base64.b64decode(data), content_id)
        for filename, kind, content_id, data in files
    )
    same = {**about, **several, "headers": headers, "sender": Address(*about["sender"])}
    return Content(**same, attachments=attachments)


def _address(address: Address) -> tuple[str, str]:
    return address.address, address.name


def _written(about: dict[str, Any], files: Sequence[Attachment]) -> Iterator[bytes]:
    """As JSON with the files behind it, of which no more than a slice is in memory."""
    yield _json(about).removesuffix(b"}") + b', "attachments": ['
    for number, file in enumerate(files):
        named = _json([file.filename, file.content_type, file.content_id]).removesuffix(b"]")
        yield (b", " if number else b"") + named + b', "'
        yield from map(base64.b64encode, file.slices(BASE64_SLICE))
        yield b'"]'
    yield b"]}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
