"""Examiner: builds every recipient's message as it will be, and says what is odd about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from mailroom.content.compiled import Compiled, compile_message
from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError, Template, Values
from mailroom.content.merge.tags import parse_template
from mailroom.content.preflight.empties import EmptyTags
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.letter import tags_of
from mailroom.content.preflight.links import is_decided, links_of, problem_of
from mailroom.content.preflight.tally import Odd, Tally
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.unsubscribe import UNSUBSCRIBE_TAG, LinkPlace, UnsubscribeLinks

CLIPPED_FROM = 100_000
"""Octets of a message without its files, from which on Gmail and others show its beginning only."""

LINKS_REMEMBERED = 10_000

NOBODYS_MESSAGE_ID = "<00000000-0000-0000-0000-000000000000.1@mailroom.example>"


class Subjected(NamedTuple):
    """A letter to be examined: without its files, of which only the octets count. `limit`: the relay's."""

    content: Content
    columns: Sequence[str]
    place: LinkPlace
    files: int = 0
    limit: int | None = None


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
        self._personal_links = list(_personal(content))
        self._judged: dict[str, str] = {}

    def examine(self, rows: Iterable[int], recipients: Iterable[Recipient]) -> Tally:
        """Rows (from 1) and recipients, side by side."""
        tally = Tally()
        if self._compiled is not None:
            for row, recipient in zip(rows, recipients, strict=True):
                self._examine(tally, row, recipient)
        return tally

    def _examine(self, tally: Tally, row: int, recipient: Recipient) -> None:
        assert self._compiled is not None
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
        if self._personal_links:
            self._look_at_links(tally, row, values)

    def _look_at_links(self, tally: Tally, row: int, values: Values) -> None:
        for source, template in self._personal_links:
            link = template.render(values).strip()
            if link and (problem := self._problem_of(link)):
                tally.note(Odd(Kind.HTTP_LINK, f"{source}\n{problem}"), row, link)

    def _problem_of(self, link: str) -> str:
        if link not in self._judged:
            if len(self._judged) >= LINKS_REMEMBERED:
                self._judged.clear()
            self._judged[link] = problem_of(link)
        return self._judged[link]


def _personal(content: Content) -> Iterable[tuple[str, Template]]:
    """Links that are known for each recipient only."""
    for link in links_of(content):
        if not is_decided(link):
            try:
                template = parse_template(link)
            except MergeError:  # begins or ends a block of Liquid that goes beyond it
                continue
            if template is not None:
                yield link, template
