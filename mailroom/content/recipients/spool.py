"""Spool of recipients: a sequence of which the most lies in a file without a name, when it is long."""

from __future__ import annotations

import os
import pickle
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple, overload

from mailroom.content.merge.plain import Values
from mailroom.files import temporary_file, write_temporary
from mailroom.in_parts import in_parts

MOST_IN_MEMORY = 150_000
"""To spool 100,000 and read them again would be a quarter of what their acceptance takes."""
SPOOLED_AT_ONCE = 2_500

CHARACTERS_AT_ONCE = 4_000_000
"""Of the values of the recipients in memory; of more they are spooled as well."""

CHARACTERS_EACH = 60
"""That count for nothing beside what a recipient takes in any case: as many as they are may be held."""

USUAL_VALUES, OF_A_VALUE = 20, 25
"""What a value takes in memory beside its own characters, though it is empty; of more values that counts."""


class Recipient(NamedTuple):  # there may be a hundred thousand, and a dataclass takes its time
    """One who gets the mailing. `variables` fill its merge tags; `role` is to, cc or bcc."""

    address: str
    name: str = ""
    variables: Values | None = None
    role: str = "to"

    @property
    def key(self) -> str:
        """The same for two spellings of one mailbox."""
        return self.address.lower()


def characters_of(values: Values) -> int:
    """What they take in memory, counted in characters."""
    return sum(map(len, map(str, values.values()))) + OF_A_VALUE * max(0, len(values) - USUAL_VALUES)


class Recipients(Sequence[Recipient]):
    """A list that is only added to, which raises NoTemporaryRoom. It may be read by several threads."""

    def __init__(self, given: Iterable[Recipient] = ()) -> None:
        self._file: IO[bytes] | None = None
        self._blocks: list[tuple[int, int]] = []  # where some of them lie, up to SPOOLED_AT_ONCE; octets
        self._starts = [0]  # how many come before each block, and before the rest
        self._rest: list[Recipient] = []
        self._characters = 0
        self.extend(given)

    @property
    def is_spooled(self) -> bool:
        """Whether there is a file. Else all of them are in memory."""
        return self._file is not None

    def append(self, recipient: Recipient) -> None:
        self._rest.append(recipient)
        if recipient.variables:
            self._characters += characters_of(recipient.variables)
            self._spool_if_long()
        self._spool_if_many()

    def extend(self, recipients: Iterable[Recipient], characters: int | None = None) -> None:
        """`characters`: of all their values; None: they are counted."""
        if characters is None:
            for one in recipients:
                self.append(one)
            return
        self._characters += characters
        for some in in_parts(recipients, SPOOLED_AT_ONCE):
            self._rest += some
            self._spool_if_many()
        self._spool_if_long()

    def _spool_if_many(self) -> None:
        if len(self._rest) > (SPOOLED_AT_ONCE if self._file else MOST_IN_MEMORY):
            self._spool(SPOOLED_AT_ONCE)

    def _spool_if_long(self) -> None:
        if self._characters > max(CHARACTERS_AT_ONCE, CHARACTERS_EACH * len(self._rest)):
            self._spool(1)

    def parts(self) -> Iterator[Sequence[Recipient]]:
        """All of them, so many at a time as were spooled: never more than SPOOLED_AT_ONCE."""
        for number in range(len(self._blocks)):
            yield self._block(number)
        for start in range(0, len(self._rest), SPOOLED_AT_ONCE):
            yield self._rest[start : start + SPOOLED_AT_ONCE]

    def _spool(self, least: int) -> None:
        """All but a rest of fewer than `least`."""
        self._file = self._file or temporary_file()
        self._characters = 0
        while len(self._rest) >= least:
            # As plain tuples, which are read again faster. Nobody else can write to this file.
            block = pickle.dumps([tuple(one) for one in self._rest[:SPOOLED_AT_ONCE]])
            self._blocks.append((self._file.seek(0, os.SEEK_END), len(block)))
            write_temporary(self._file, block)
            self._starts.append(self._starts[-1] + len(self._rest[:SPOOLED_AT_ONCE]))
            del self._rest[:SPOOLED_AT_ONCE]

    def _block(self, number: int) -> list[Recipient]:
        if number == len(self._blocks):
            return self._rest
        assert self._file is not None
        place, length = self._blocks[number]
        read = os.pread(self._file.fileno(), length, place)
        return list(map(Recipient._make, pickle.loads(read)))

    def __len__(self) -> int:
        return self._starts[-1] + len(self._rest)

    def __iter__(self) -> Iterator[Recipient]:
        return self._all() if self._blocks else iter(self._rest)

    def _all(self) -> Iterator[Recipient]:
        for number in range(len(self._blocks) + 1):
            yield from self._block(number)

    @overload
    def __getitem__(self, place: int) -> Recipient: ...
    @overload
    def __getitem__(self, place: slice) -> list[Recipient]: ...
    def __getitem__(self, place: int | slice) -> Recipient | list[Recipient]:
        if isinstance(place, slice):
            places = range(len(self))[place]
            return list(self._run(places)) if places.step == 1 else [self[one] for one in places]
        place = range(len(self))[place]
        number = self._number(place)
        return self._block(number)[place - self._starts[number]]

    def _run(self, places: range) -> Iterator[Recipient]:
        start = places.start
        while start < places.stop:
            number = self._number(start)
            first = self._starts[number]
            some = self._block(number)[start - first : places.stop - first]
            yield from some
            start += len(some)

    def _number(self, place: int) -> int:
        """Of the block that it is in; of the rest, how many blocks there are."""
        return bisect_right(self._starts, place) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Recipients({self[:5]}{', ...' if len(self) > 5 else ''})"
