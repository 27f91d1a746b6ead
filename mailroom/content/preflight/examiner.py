"""Examiner: builds every recipient's message as it will be, and says what is odd about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from mailroom.content.content import Content
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG, LinkPlace, UnsubscribeLinks
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import Compiled, compile_message
from mailroom.content.preflight.empties import EmptyTags
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.letter import tags_of
from mailroom.content.preflight.personal_links import PersonalLinks
from mailroom.content.preflight.tally import Odd, Tally
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.templates.filling import missing_in
from mailroom.content.templates.for_many import names_of_each

CLIPPED_FROM = 100_000
"""Octets of a message without its files, from which on Gmail and others show its beginning only."""

NOBODYS_MESSAGE_ID = "<00000000-0000-0000-0000-000000000000.1@mailroom.example>"


class Subjected(NamedTuple):
    """A letter to be examined: without its files, of which only the octets count. `limit`: the relay's.
    `has_template`: everybody must have a value for each of its tags.
    """

    content: Content
    columns: Sequence[str]
    place: LinkPlace
    files: int = 0
    limit: int | None = None
    has_template: bool = False


class _AsLong:
    """Stands for a key: its links are as long as real ones, and nobody's."""

    def seal(self, words: Sequence[str]) -> str:
        return "x" * 120


class Examiner:
    """One letter, ready to be built for anybody."""

    def __init__(self, letter: Subjected) -> None:
        content = letter.content
        tags = tags_of(content, letter.columns)
        self._files, self._limit = letter.files, letter.limit
        self._compiled: Compiled | None = None
        if not tags.can_be_built:
            return
        self._compiled = compile_message(content, "0" * 36, datetime.now(UTC))
        self._empty = EmptyTags(content, tags.unknown)
        self._links = UnsubscribeLinks(_AsLong(), letter.place, content) if content.is_bulk else None
        wanted = names_of_each(content.subject, content.text, content.html) if letter.has_template else ()
        self._wanted = [name for name in wanted if name not in tags.unknown]
        self._personal_links = PersonalLinks(content)

    def examine(self, rows: Iterable[int], recipients: Iterable[Recipient]) -> Tally:
        """Rows (from 1) and recipients, side by side."""
        tally = Tally()
        if self._compiled is not None:
            for row, recipient in zip(rows, recipients, strict=True):
                self._examine(tally, row, recipient)
        return tally

    def _examine(self, tally: Tally, row: int, recipient: Recipient) -> None:
        assert self._compiled is not None
        if missing := missing_in(self._wanted, recipient.variables or {}):
            for name in missing:
                tally.note(Odd(Kind.UNKNOWN_VARIABLE, name), row)
            return
        link = self._links.of(row, recipient.address) if self._links else None
        try:
            pieces = self._compiled.pieces(recipient, recipient.variables, NOBODYS_MESSAGE_ID, None, link)
            values = {"email": recipient.address, "name": recipient.name, **(recipient.variables or {})}
            if link is not None:
                values[UNSUBSCRIBE_TAG] = values.get(UNSUBSCRIBE_TAG) or link.url
            for name in self._empty.of(values):
                tally.note(Odd(Kind.EMPTY_VALUE, name), row)
        except MergeError as trouble:
            sentence = str(trouble)
            tally.note(Odd(Kind.TEMPLATE_ERROR, re.sub(r"\d[\d,.]*", "0", sentence)), row, sentence)
            return
        size = sum(map(len, pieces))
        if size > CLIPPED_FROM:
            tally.note(Odd(Kind.TOO_LARGE), row, size=size)
        if self._limit is not None and (whole := size + self._files) > self._limit:
            tally.note(Odd(Kind.TOO_LARGE, str(self._limit)), row, size=whole)
        for source, made, problem in self._personal_links.odd_for(values):
            tally.note(Odd(Kind.HTTP_LINK, f"{source}\n{problem}"), row, made)
