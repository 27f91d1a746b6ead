"""Compiled messages: from the ledger's content to what goes over the wire, compiled once per mailing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy import Connection

from mailroom.content.addresses import Address, read_formatted
from mailroom.content.content import BULK_PURPOSE, Content, DistantAttachment
from mailroom.content.links.link_tokens import LinkKey
from mailroom.content.links.return_tokens import Returning, ReturnKey, ReturnPaths
from mailroom.content.links.unsubscribe import LinkPlace, NoReturnShown, NotShown, Sealing, UnsubscribeLinks
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.body import Keep, as_it_is
from mailroom.content.message.compiled import Compiled, compile_message
from mailroom.content.message.encoding import BASE64_SLICE
from mailroom.content.message.provider_fields import wants_fields
from mailroom.content.whole.line_ends import whole_lines_of
from mailroom.content.whole.original import Verbatim
from mailroom.database.engine import Database
from mailroom.database.sql import planner
from mailroom.engine.letterhead import id_seal
from mailroom.engine.send.sendable import DELETED, SendableMessage, UnreadableContent
from mailroom.engine.send.shelf import Shelf
from mailroom.ledger.consent import link_keys
from mailroom.ledger.mailings import contents, originals
from mailroom.ledger.mailings.contents import Shown, SlicedFile, ToCompile

log = structlog.get_logger()

COMPILED_KEPT = 16
COMPILED_OCTETS_KEPT = 32 << 20
"""Compiled mailings that a worker remembers, and their octets in all: one may have eighty megabytes."""


class CompiledMessages:
    """The compiled messages of the mailings that were delivered last. `server`: whom they are handed to."""

    def __init__(self, place: LinkPlace, server: str = "") -> None:
        self._place = place
        self._has_fields = wants_fields(server)
        self._kept: OrderedDict[int, SendableMessage] = OrderedDict()

    def of(self, database: Database, mailing_ids: set[int]) -> dict[int, SendableMessage]:
        """The message of each of these mailings."""
        self._let_go_of_lost()
        if mailing_ids - self._kept.keys():
            with database.read_often() as connection:
                planner.keep_plans(connection)
                compile_all = self.ask(connection, mailing_ids)
            if compile_all is not None:
                compile_all()
        found = {mailing_id: self._kept[mailing_id] for mailing_id in mailing_ids}
        for mailing_id in mailing_ids:
            self._kept.move_to_end(mailing_id)
        octets = sum(message.compiled.size for message in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > COMPILED_KEPT or octets > COMPILED_OCTETS_KEPT):
            _, dropped = self._kept.popitem(last=False)
            octets -= dropped.compiled.size
        return found

    def read(self, connection: Connection, mailing_ids: set[int]) -> None:
        """Compiles those that are not known: then `of` asks nothing, if it comes next."""
        if (compile_all := self.ask(connection, mailing_ids)) is not None:
            compile_all()

    def ask(
        self, connection: Connection, mailing_ids: set[int], *, with_files: bool = True
    ) -> Callable[[], None] | None:
        """Asks for those that are not known. What it returns compiles them, in this transaction or after it.

        None: all are known; or some hold files, whole messages among them, which are not wanted here.
        """
        self._let_go_of_lost()
        unknown = mailing_ids - self._kept.keys()
        if not unknown:
            return None
        self._make_room(mailing_ids)
        compiled = _asked(connection, unknown, self._place, with_files)
        if compiled is None:
            return None
        return lambda: self._kept.update(self._with_fields(compiled()))

    def _with_fields(self, found: dict[int, SendableMessage]) -> dict[int, SendableMessage]:
        """A message that was handed in as a whole leaves as it came."""
        return {
            mailing_id: message._replace(
                has_fields=self._has_fields and not isinstance(message.compiled, Verbatim)
            )
            for mailing_id, message in found.items()
        }

    def _let_go_of_lost(self) -> None:
        """They are made anew."""
        for mailing_id in [kept for kept, message in self._kept.items() if message.is_lost]:
            log.warning("a large message cannot be read any more; it is made anew", mailing=mailing_id)
            del self._kept[mailing_id]

    def _make_room(self, wanted: set[int]) -> None:
        """Beforehand, or the last large one and the next would be there at once."""
        for mailing_id in [kept for kept in self._kept if kept not in wanted]:
            if sum(message.compiled.size for message in self._kept.values()) <= COMPILED_OCTETS_KEPT:
                return
            del self._kept[mailing_id]


def without_files(connection: Connection, mailing_id: int, place: LinkPlace) -> SendableMessage:
    """For those who only look at it, and so without its unsubscribe link. A whole message
    that was handed in is not asked for here.
    """
    for mailing in contents.to_compile(connection, [mailing_id]):
        shown = contents.shown_addresses(connection, [mailing.id] if mailing.kind == "shared" else [])
        content = _content(mailing, shown.get(mailing.id, ()), ())
        returns = _returns(NoReturnShown(), place)
        links = _links(NotShown(), place, content, returns)
        return _message(mailing, mailing.sender_address, _compile(mailing, content), links)
    return DELETED


Messages = dict[int, SendableMessage]


def _asked(
    connection: Connection, mailing_ids: set[int], place: LinkPlace, with_files: bool
) -> Callable[[], Messages] | None:
    """Whom shared ones show comes with the transaction's end, on PostgreSQL, unless there are files."""
    found = contents.to_compile(connection, mailing_ids)
    has_files = any(mailing.has_files or mailing.message_id is not None for mailing in found)
    if has_files and not with_files:
        return None
    key, returns = _keys(connection, found, place)
    came_whole = [mailing.id for mailing in found if mailing.message_id is not None]
    wholes = originals.sliced(connection, came_whole, BASE64_SLICE)
    shared = [mailing.id for mailing in found if mailing.kind == "shared" and mailing.id not in wholes]
    shown = contents.shown_later(connection, shared)

    def compiled() -> Messages:
        messages, shows = dict.fromkeys(mailing_ids, DELETED), shown()
        for mailing in found:
            shelf = Shelf()
            if mailing.id in wholes:
                sender, octets = wholes[mailing.id]
                is_authors = sender.lower() == mailing.sender_address.lower()
                messages[mailing.id] = _message(
                    mailing,
                    sender,
                    Verbatim(list(map(shelf.put, whole_lines_of(octets)))),
                    returns=returns if is_authors else None,
                    shelf=shelf,
                )
            elif mailing.message_id is None:
                files = contents.sliced_files_of(connection, mailing.id) if mailing.has_files else []
                content = _content(mailing, shows.get(mailing.id, ()), files)
                links = _links(key, place, content, returns)
                made = _compile(mailing, content, shelf.put)
                messages[mailing.id] = _message(mailing, mailing.sender_address, made, links, returns, shelf)
        return messages

    if not has_files:
        return compiled
    all_read = compiled()
    return lambda: all_read


def _compile(mailing: ToCompile, content: Content, keep: Keep = as_it_is) -> Compiled | UnreadableContent:
    try:
        return compile_message(content, mailing.uid, mailing.created_at, keep)
    except MergeError as trouble:
        return UnreadableContent(str(trouble))


def _keys(
    connection: Connection, found: Iterable[ToCompile], place: LinkPlace
) -> tuple[LinkKey | None, ReturnPaths | None]:
    """What seals the links of bulk mail, and return paths; None where there are none."""
    has_links = any(mailing.purpose == BULK_PURPOSE for mailing in found)
    if not has_links and place.bounces is None:
        return None, None
    number, secret = link_keys.newest(connection)
    return LinkKey(number, secret) if has_links else None, _returns(ReturnKey(number, secret), place)


def _returns(key: Returning, place: LinkPlace) -> ReturnPaths | None:
    return None if place.bounces is None else ReturnPaths(key, place.bounces)


def _links(
    key: Sealing | None, place: LinkPlace, content: Content, returns: ReturnPaths | None
) -> UnsubscribeLinks | None:
    return UnsubscribeLinks(key, place, content, returns) if key is not None and content.is_bulk else None


def _message(
    mailing: ToCompile,
    sender: str,
    compiled: Compiled | Verbatim | UnreadableContent,
    links: UnsubscribeLinks | None = None,
    returns: ReturnPaths | None = None,
    shelf: Shelf | None = None,
) -> SendableMessage:
    return SendableMessage(
        sender=sender,
        domain=sender.rpartition("@")[2],
        uid=mailing.uid,
        is_shared=mailing.kind == "shared",
        compiled=compiled,
        links=links,
        returns=returns,
        seal=id_seal(mailing.id_secret),
        shelf=shelf,
    )


def _content(mailing: ToCompile, shown: Iterable[Shown], files: Iterable[SlicedFile]) -> Content:
    """As it was given."""
    return Content(
        sender=Address(mailing.sender_address, mailing.sender_name),
        subject=mailing.subject,
        text=mailing.text,
        html=mailing.html,
        reply_to=tuple([read_formatted(address) for address in mailing.reply_to]),
        headers=tuple([(name, value) for name, value in mailing.headers]),
        attachments=tuple(
            [
                DistantAttachment(
                    file.filename, file.content_type, b"", file.content_id, length=file.size, read=file.slices
                )
                for file in files
            ]
        ),
        kind=mailing.kind,
        purpose=mailing.purpose,
        list_name=mailing.list_name,
        to=tuple([Address(row.address, row.name) for row in shown if row.role == "to"]),
        cc=tuple([Address(row.address, row.name) for row in shown if row.role == "cc"]),
    )
