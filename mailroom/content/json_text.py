"""JSON that somebody sent, read within bounds, and in one way only (I-JSON, RFC 7493).

What is counted here need not be counted before each mistake in it is told of: a list of a million
zeros where addresses are wanted is a million mistakes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic_core import from_json

MOST_VALUES = 4_000_000
"""In one body: 200,000 recipients with some twenty values each, or a file of 4 MB as a list of its bytes."""

MOST_NAMES = 1_000
"""In one object: as many variables as a mailing may have."""


@dataclass(frozen=True, slots=True)
class JsonRoom:
    """Values of one body by their size in memory: an object takes 250 octets, a text or a list some 60.
    Whole numbers of three digits, such as a file's bytes, take 8 each and are counted as values only.
    """

    objects: int
    texts: int
    lists: int
    numbers: int


ROOM_FOR_EMAILS = JsonRoom(objects=30_000, texts=400_000, lists=20_000, numbers=100_000)
"""A hundred emails in one batch, each as large as one may be."""

ROOM_FOR_MAILING = JsonRoom(objects=500_000, texts=2 * MOST_VALUES, lists=100_000, numbers=MOST_VALUES)
"""200,000 recipients, each with their variables."""

# Possessive, and with an end for what does not end: each octet is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z)', re.DOTALL)

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJson(ValueError):
    """Text that is no JSON, or more than we read; `str()` is a sentence."""


def read(data: bytes, room: JsonRoom = ROOM_FOR_MAILING) -> Any:
    """The value. Raises NotJson."""
    _count(data, room)
    if _HALF.search(data):
        _refuse_halves(data)
    try:
        # Not the octets: the library would take UTF-16 for JSON, too. Nor are they kept meanwhile.
        text = data.decode("utf-8")
        del data
        return _Reading(room).decoder.decode(text)
    except RecursionError:
        raise NotJson("The body is nested too deep.") from None
    except UnicodeDecodeError as error:
        raise NotJson(f"The body is not JSON: it is not UTF-8 at octet {error.start + 1}.") from None
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise NotJson(f"The body is not JSON: {reason}.") from None
    except NotJson:
        raise
    except ValueError:  # of thousands of digits
        raise NotJson("The body is not JSON that can be used: a number is too large.") from None


def _refuse_halves(data: bytes) -> None:
    """A lone surrogate is no character (RFC 8259, 8.2). Python's reader takes it for one."""
    try:
        from_json(data)
    except ValueError as error:
        raise NotJson(f"The body is not JSON: {error}.") from None


def _count(data: bytes, room: JsonRoom) -> None:
    """Every value but the first of a list or an object follows a comma, and that one a bracket."""
    texts = data.count(b'"') // 2
    if _separators(data) > MOST_VALUES or data.count(b"[") > room.lists:
        outside = _STRING.sub(b"", data)
        if _separators(outside) > MOST_VALUES:
            raise NotJson(f"The body holds more than {MOST_VALUES:,} values.")
        _refuse_more(outside.count(b"["), room.lists, "lists")
    if texts > room.texts:  # some of the quotes may stand in texts
        _refuse_more(sum(1 for _ in _STRING.finditer(data)), room.texts, "texts")


def _refuse_more(found: int, most: int, what: str) -> None:
    if found > most:
        raise NotJson(f"The body holds more than {most:,} {what}.")


def _separators(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


class _Reading:
    """One body's: what the library tells of while it reads is counted."""

    def __init__(self, room: JsonRoom) -> None:
        self._room = room
        self._objects = self._numbers = 0
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._fraction,
            parse_int=self._whole,
            parse_constant=_constant,
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._objects += 1
        if self._objects > self._room.objects:
            _refuse_more(self._objects, self._room.objects, "objects")
        if len(pairs) > MOST_NAMES:
            raise NotJson(f"The body has an object with more than {MOST_NAMES:,} names.")
        found = dict(pairs)
        if len(found) < len(pairs):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise NotJson(f"The body holds “{_shown(twice)}” twice in one object.")
        return found

    def _whole(self, digits: str) -> int:
        if len(digits) > 3:
            self._count_number()
        return int(digits)

    def _fraction(self, digits: str) -> float:
        self._count_number()
        found = float(digits)
        if math.isinf(found):
            raise NotJson("The body is not JSON that can be used: a number is too large.")
        return found

    def _count_number(self) -> None:
        self._numbers += 1
        if self._numbers > self._room.numbers:
            _refuse_more(self._numbers, self._room.numbers, "large numbers or fractions")


def _constant(name: str) -> NoReturn:
    raise NotJson(f"The body is not JSON: {name} is no number of JSON.")


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "backslashreplace").decode()
