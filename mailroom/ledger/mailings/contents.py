"""Contents of mailings: text, HTML, headers, files and the addresses that all may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select

from mailroom.database import blobs
from mailroom.database.sql.any_of import any_of
from mailroom.database.statement import Statement
from mailroom.ledger.schema import attachments, contents, deliveries, mailings, originals


class StoredContent(NamedTuple):
    """What a mailing says. Pairs are (name, value)."""

    text: str
    html: str
    reply_to: list[str]
    headers: list[tuple[str, str]]
    columns: list[str]
    tags: list[tuple[str, str]]


class SlicedFile(NamedTuple):
    """An attachment, read by `slices(size)`; one that was found, within the transaction that found it."""

    filename: str
    content_type: str
    content_id: str | None
    size: int  # octets
    slices: Callable[[int], Iterator[bytes]]


class KeptFile(NamedTuple):
    """An attachment without its data. `size`: octets."""

    filename: str
    content_type: str
    size: int


class ToCompile(NamedTuple):
    """What of a mailing goes into its messages; files and addresses are asked for where there are any."""

    id: int
    uid: str
    kind: str
    sender_address: str
    sender_name: str
    subject: str
    message_id: str | None  # set: it came as a whole message, see originals
    created_at: datetime
    text: str
    html: str
    reply_to: list[str]
    headers: list[list[str]]  # [name, value]
    purpose: str  # bulk | transactional
    list_name: str
    id_secret: str | None
    has_files: bool


class Shown(NamedTuple):
    """Somebody in To or Cc of a shared mailing."""

    address: str
    name: str
    role: str


CONTENT_IS_DELETED = "What this mailing said is not kept any more: nothing of it can be sent."

CONTENT_MAILING_ID = bindparam("mailing", type_=BigInteger)

INSERT_CONTENT = Statement(insert(contents), ("mailing_id", *StoredContent._fields))
FIND_CONTENT = Statement(
    select(*(contents.c[name] for name in StoredContent._fields)).where(
        contents.c.mailing_id == CONTENT_MAILING_ID
    )
)
FIND_TO_COMPILE = Statement(
    select(
        mailings.c.id,
        mailings.c.uid,
        mailings.c.kind,
        mailings.c.sender_address,
        mailings.c.sender_name,
        mailings.c.subject,
        mailings.c.message_id,
        mailings.c.created_at,
        contents.c.text,
        contents.c.html,
        contents.c.reply_to,
        contents.c.headers,
        mailings.c.purpose,
        mailings.c.list_name,
        mailings.c.id_secret,
        select(attachments.c.id).where(attachments.c.mailing_id == mailings.c.id).exists(),
    )
    .join(contents, contents.c.mailing_id == mailings.c.id)
    .where(any_of(mailings.c.id, "chosen"))
)
FIND_IF_KEPT = Statement(
    select(
        select(contents.c.mailing_id).where(contents.c.mailing_id == mailings.c.id).exists()
        & (
            mailings.c.message_id.is_(None)
            | select(originals.c.mailing_id).where(originals.c.mailing_id == mailings.c.id).exists()
        )
    ).where(mailings.c.id == CONTENT_MAILING_ID)
)
FIND_FILES_TO_SLICE = Statement(
    select(
        attachments.c.filename,
        attachments.c.content_type,
        attachments.c.content_id,
        func.length(attachments.c.data),
        attachments.c.id,
    )
    .where(attachments.c.mailing_id == CONTENT_MAILING_ID)
    .order_by(attachments.c.id)
)
FIND_NAMES_OF_FILES = Statement(
    select(attachments.c.filename, attachments.c.content_type, func.length(attachments.c.data))
    .where(attachments.c.mailing_id == CONTENT_MAILING_ID)
    .order_by(attachments.c.id)
    .limit(bindparam("at_most", type_=BigInteger))
)
FIND_SHOWN_RECIPIENTS = Statement(
    select(deliveries.c.mailing_id, deliveries.c.address, deliveries.c.name, deliveries.c.role)
    .where(any_of(deliveries.c.mailing_id, "chosen"), deliveries.c.role != "bcc")
    .order_by(deliveries.c.mailing_id, deliveries.c.id)
)


def insert_one(connection: Connection, mailing_id: int, content: StoredContent) -> None:
    """Stores text, HTML and headers."""
    INSERT_CONTENT.do(connection, mailing_id=mailing_id, **content._asdict())


def insert_files(connection: Connection, mailing_id: int, files: Iterable[SlicedFile]) -> None:
    for file in files:
        row = {
            "mailing_id": mailing_id,
            "filename": file.filename,
            "content_type": file.content_type,
            "content_id": file.content_id,
        }
        blobs.insert_row(connection, attachments.c.data, row, file.size, file.slices(blobs.WRITTEN_AT_ONCE))


def of(connection: Connection, mailing_id: int) -> StoredContent | None:
    row = FIND_CONTENT.one(connection, mailing=mailing_id)
    if row is None:
        return None
    text, html, reply_to, headers, columns, tags = row
    return StoredContent(text, html, reply_to, _pairs(headers), columns, _pairs(tags))


def gone(connection: Connection, mailing_id: int) -> str | None:
    """Why nothing of this mailing can be sent any more; None: all that it says is there."""
    found = FIND_IF_KEPT.one(connection, mailing=mailing_id)
    return None if found and found[0] else CONTENT_IS_DELETED


def to_compile(connection: Connection, mailing_ids: Collection[int]) -> list[ToCompile]:
    """Of all these mailings in one question: of single mails, a batch holds a hundred."""
    return [ToCompile(*row) for row in FIND_TO_COMPILE.all(connection, chosen=mailing_ids)]


def sliced_files_of(connection: Connection, mailing_id: int) -> list[SlicedFile]:
    """In the order they were given; of large ones nobody needs all at once."""
    return [
        SlicedFile(
            name, kind, content_id, size, partial(blobs.slices, connection, attachments.c.data, file_id)
        )
        for name, kind, content_id, size, file_id in FIND_FILES_TO_SLICE.all(connection, mailing=mailing_id)
    ]


def names_of_files(connection: Connection, mailing_id: int, limit: int) -> list[KeptFile]:
    """The first `limit` of them, without reading what is in them."""
    return [KeptFile(*row) for row in FIND_NAMES_OF_FILES.all(connection, mailing=mailing_id, at_most=limit)]


Shows = dict[int, list[Shown]]


def shown_addresses(connection: Connection, mailing_ids: Collection[int]) -> Shows:
    """To and Cc of these shared mailings, in the order they were given; Bcc never shows."""
    if not mailing_ids:
        return {}
    return _by_mailing(FIND_SHOWN_RECIPIENTS.all(connection, chosen=mailing_ids))


def shown_later(connection: Connection, mailing_ids: Collection[int]) -> Callable[[], Shows]:
    """The same, to be had from what it returns."""
    if not mailing_ids:
        return dict
    found = FIND_SHOWN_RECIPIENTS.later(connection, chosen=mailing_ids)
    return lambda: _by_mailing(found())


def _by_mailing(rows: Iterable[Sequence[Any]]) -> Shows:
    found: Shows = defaultdict(list)
    for mailing_id, *shown in rows:
        found[mailing_id].append(Shown(*shown))
    return found


def _pairs(stored: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in stored]
