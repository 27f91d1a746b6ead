"""Options of a letter that are written anew for each mailing: --attach, --reply-to, --header."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import click

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.content import Attachment, Content, DistantAttachment
from mailroom.content.message.header_lines import headers_in
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.blobs import WRITTEN_AT_ONCE


def attached(paths: Sequence[Path]) -> tuple[Attachment, ...]:
    """Files, each read when it is stored: none is in memory as a whole."""
    return tuple(
        DistantAttachment(
            path.name,
            mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            b"",
            length=path.stat().st_size,
            read=partial(_slices, path),
        )
        for path in paths
    )


def _slices(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while read := file.read(size):
            yield read


def answered_to(texts: Sequence[str]) -> tuple[Address, ...]:
    try:
        return tuple(map(parse_address, texts))
    except AddressError as error:
        raise click.ClickException(f"--reply-to: {error}") from None


def headers_of(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Each as it stands in a mail, `X-Campaign: June`."""
    try:
        return headers_in(lines)
    except ValueError as error:
        raise click.ClickException(f"--header: {error}") from None


def fingerprint(content: Content, recipients: Sequence[Recipient], others: Sequence[object]) -> str:
    """The same for the same letter to the same people."""
    digest = sha256(repr((_words(content), others)).encode("utf-8", "surrogatepass"))
    for file in content.attachments:
        digest.update(f"\0{file.filename}\0{file.size}\0".encode("utf-8", "surrogatepass"))
        for some in file.slices(WRITTEN_AT_ONCE):
            digest.update(some)
    for one in recipients:
        digest.update(repr(tuple(one)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _words(content: Content) -> tuple[object, ...]:
    said = (content.sender, content.reply_to, content.subject, content.text, content.html, content.headers)
    return (*said, content.purpose, content.list_name)
