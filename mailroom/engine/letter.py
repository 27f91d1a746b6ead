"""A mailing's letter, for those who look at it: as it was written, or as it leaves for one recipient."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from mailroom.content.addresses import Address, format_address
from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.content.whole.abridged import abridged
from mailroom.content.whole.letter import MOST_FILES_SHOWN, EnclosedFile, Picture, ReadLetter, read_letter
from mailroom.content.whole.parts import beginning_of
from mailroom.database.blobs import JOINED_AT_ONCE
from mailroom.database.together import Together
from mailroom.engine.letterhead import sender_of
from mailroom.engine.send import messages
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings import contents, originals
from mailroom.ledger.mailings.contents import Shown, StoredContent
from mailroom.ledger.mailings.mailings import Mailing

SET_AT_HAND_OVER = ("date", "message-id")

_reading_whole = threading.Lock()


def as_written(connection: Connection, mailing: Mailing) -> ReadLetter | None:
    """With its merge tags as they stand. None: it is not kept any more. Raises Unmailable."""
    if mailing.message_id is not None:
        return _of_original(connection, mailing.id)
    reads = Together(connection)
    stored, files = reads.ask(contents.of, mailing.id), reads.ask(_files, mailing.id)
    seen = reads.ask(contents.shown_addresses, [mailing.id] if mailing.kind == "shared" else [])
    if (content := stored()) is None:
        return None
    headers = _headers(mailing, content, seen().get(mailing.id, []))
    return ReadLetter(headers, beginning_of(content.text), beginning_of(content.html), files())


def _of_original(connection: Connection, mailing_id: int) -> ReadLetter | None:
    octets = originals.slices_of(connection, mailing_id)
    if octets is None:
        return None
    message, left_out = abridged(octets)
    return read_letter(message, left_out=left_out)


def as_sent(
    connection: Connection, mailing: Mailing, delivery: Delivery, place: LinkPlace
) -> ReadLetter | None:
    """With its merge tags filled. None: it is not kept any more. Raises Unmailable, and MergeError where they
    cannot be filled.
    """
    if mailing.message_id is not None:
        return as_written(connection, mailing)
    reads = Together(connection)
    gone, files = reads.ask(contents.gone, mailing.id), reads.ask(_files, mailing.id)
    compiled = reads.ask(messages.without_files, mailing.id, place)
    if gone():
        return None
    return replace(read_letter(compiled().render(delivery), SET_AT_HAND_OVER), files=files())


def pictures(
    connection: Connection, mailing: Mailing, letter: ReadLetter, is_drawn: Callable[[str, str, int], bool]
) -> list[Picture]:
    """What its HTML shows of the files that come along: only those are read of which `is_drawn` says so, by
    Content-ID, type and size in octets.
    """
    if mailing.message_id is not None:
        drawn = [
            place
            for place, one in enumerate(letter.pictures)
            if is_drawn(one.content_id, one.content_type, one.size)
        ]
        return _pictures_of_original(connection, mailing.id, drawn) if drawn else []
    return [
        Picture(file.content_id, file.content_type, b"".join(file.slices(JOINED_AT_ONCE)))
        for file in contents.sliced_files_of(connection, mailing.id)
        if file.content_id and is_drawn(file.content_id, file.content_type, file.size)
    ]


def _pictures_of_original(connection: Connection, mailing_id: int, places: Sequence[int]) -> list[Picture]:
    """One message at a time is in memory for it."""
    with _reading_whole:
        message = originals.of(connection, mailing_id)
        found = read_letter(message).pictures if message is not None else ()
        return [found[place].read() for place in places if place < len(found)]


def _headers(mailing: Mailing, content: StoredContent, seen: Sequence[Shown]) -> list[tuple[str, str]]:
    addressed = {
        role: ", ".join(format_address(Address(one.address, one.name)) for one in seen if one.role == role)
        for role in ("to", "cc")
    }
    headers = [
        ("From", sender_of(mailing)),
        ("To", addressed["to"]),
        ("Cc", addressed["cc"]),
        ("Reply-To", ", ".join(content.reply_to)),
        ("Subject", mailing.subject),
        *content.headers,
    ]
    return [(name, value) for name, value in headers if value]


def _files(connection: Connection, mailing_id: int) -> list[EnclosedFile]:
    return [
        EnclosedFile(*file) for file in contents.names_of_files(connection, mailing_id, MOST_FILES_SHOWN + 1)
    ]
