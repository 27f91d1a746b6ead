"""Sendable messages: what a mailing sends, rendered for each of its deliveries."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from mailroom.content.links.return_tokens import ReturnPaths, ReturnPurpose
from mailroom.content.links.unsubscribe import Link, UnsubscribeLinks
from mailroom.content.merge.plain import MergeError, Values
from mailroom.content.message.body import LARGE_PIECE, KeptElsewhere
from mailroom.content.message.compiled import Addressee, Compiled
from mailroom.content.message.message_ids import IdSeal, message_id
from mailroom.content.message.provider_fields import provider_fields
from mailroom.content.whole.original import Verbatim
from mailroom.engine.send.shelf import Shelf
from mailroom.ledger.mailings import contents
from mailroom.smtp.envelope import LongContent, ReadyLines, SharedLines


class OneDelivery(Addressee, Protocol):
    """A delivery, as a worker or a page has read it."""

    @property
    def id(self) -> int: ...

    @property
    def variables(self) -> Values | None: ...


class UnreadableContent:
    """What was accepted and cannot be sent any more: its template is not understood now, or it was deleted.
    Each of its deliveries fails for that reason, and nobody else's who is in the same batch.
    """

    size = 0

    def __init__(self, words: str) -> None:
        self._words = words

    def fill(self, *_: object) -> None:
        return None

    def render(self, *_: object) -> bytes:
        raise MergeError(self._words)

    def pieces(self, *_: object) -> list[bytes | KeptElsewhere]:
        raise MergeError(self._words)


class SendableMessage(NamedTuple):
    """One mailing's message, to be rendered for each of its deliveries."""

    sender: str
    domain: str  # the sender's
    uid: str
    is_shared: bool
    compiled: Compiled | Verbatim | UnreadableContent
    links: UnsubscribeLinks | None = None  # of bulk mail
    returns: ReturnPaths | None = None  # where what comes back is read
    has_fields: bool = False  # for the provider that it is handed to
    seal: IdSeal | None = None  # of its Message-IDs
    shelf: Shelf | None = None  # where what is large of it waits

    @property
    def is_lost(self) -> bool:
        """Whether nobody can be sent it: some of it cannot be read any more."""
        return self.shelf is not None and self.shelf.is_lost

    def render(self, delivery: OneDelivery) -> bytes:
        """For those who read it. Raises MergeError when this recipient's variables do not fit."""
        return self.compiled.render(
            delivery, delivery.variables, self._name(delivery), None, self._link(delivery)
        )

    def content(self, delivery: OneDelivery, date: bytes) -> bytes | LongContent:
        """For the wire, with these `date_fields`. Raises MergeError, too."""
        name, link = self._name(delivery), self._link(delivery)
        first = provider_fields(name) if self.has_fields else b""
        if self.compiled.size < LARGE_PIECE:
            if (filled := self.compiled.fill(delivery, delivery.variables, name, date, link)) is not None:
                return ReadyLines(first + filled)
            whole = self.compiled.render(delivery, delivery.variables, name, date, link)
            return first + whole if first else whole
        found: list[bytes | SharedLines] = []
        run = [first] if first else []  # what stands between two of them, to be one piece
        for piece in self.compiled.pieces(delivery, delivery.variables, name, date, link):
            if isinstance(piece, SharedLines):
                found += [b"".join(run), piece] if run else [piece]
                run = []
            else:
                run.append(bytes(piece))
        return LongContent([*found, b"".join(run)] if run else found)

    def return_path(self, delivery: OneDelivery) -> str:
        """Its own; "": the sender's."""
        if self.returns is None:
            return ""
        return self.returns.of(ReturnPurpose.BOUNCE, delivery.id, delivery.address)

    def _name(self, delivery: OneDelivery) -> str:
        return message_id(self.uid, None if self.is_shared else delivery.id, self.domain, self.seal)

    def _link(self, delivery: OneDelivery) -> Link | None:
        return None if self.links is None else self.links.of(delivery.id, delivery.address)


DELETED = SendableMessage("", "", "", is_shared=True, compiled=UnreadableContent(contents.CONTENT_IS_DELETED))
