"""JSON that somebody sent, read within bounds, and in one way only (I-JSON, RFC 7493).

What is counted here need not be counted before each mistake in it is told of: a list of a million
zeros where addresses are wanted is a million mistakes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from mailroom.content.text.spooled_texts import NONE_SPOOLED, STRING, SpooledTexts

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

# Possessive, so that each octet is looked at once. It stops at half of a character, if not at the end.
_WHOLE_CHARACTERS = re.compile(
    rb"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)*+",
    re.DOTALL,
)
_HALF = b"\\u"


class NotJson(ValueError):
    """Text that is no JSON, or more than we read; `str()` is a sentence."""


def read(
    data: bytes | bytearray, room: JsonRoom = ROOM_FOR_MAILING, spooled_texts: SpooledTexts = NONE_SPOOLED
) -> Any:
    """The value. Raises NotJson.

    `spooled_texts`: those whose tokens stand in it. They stay what they are where a file may stand: as an
    object's `message`, as the `content` of its `attachments`. Elsewhere they become texts like all others.
    """
    _count(data, room)
    _refuse_halves(data, spooled_texts)
    reading = _Reading(room, spooled_texts)
    try:
        # Not the octets: the library would take UTF-16 for JSON, too. Nor are they kept meanwhile.
        text = data.decode("utf-8")
        del data
        return reading.with_texts(reading.decoder.decode(text))
    except RecursionError:
        raise NotJson("The body is nested too deep.") from None
    except UnicodeDecodeError as error:
        at = error.start + 1 + spooled_texts.hidden_in(error.object[: error.start])
        raise NotJson(f"The body is not JSON: it is not UTF-8 at octet {at}.") from None
    except json.JSONDecodeError as error:
        line = error.doc[error.pos - error.colno + 1 : error.pos]
        reason = f"{error.msg} at line {error.lineno} column {error.colno + spooled_texts.hidden_in(line)}"
        raise NotJson(f"The body is not JSON: {reason}.") from None
    except NotJson:
        raise
    except ValueError:  # of thousands of digits
        raise NotJson("The body is not JSON that can be used: a number is too large.") from None


def _refuse_halves(data: bytes | bytearray, spooled_texts: SpooledTexts) -> None:
    """A lone surrogate is no character (RFC 8259, 8.2). Python's reader takes it for one; one that does not
    would make all values first, uncounted."""
    found = _WHOLE_CHARACTERS.match(data)
    at = found.end() if found else 0
    if data[at : at + len(_HALF)] != _HALF:
        return
    line, start = data.count(b"\n", 0, at) + 1, data.rfind(b"\n", 0, at) + 1
    column = at - start + 1 + spooled_texts.hidden_in(data[start:at])
    raise NotJson(f"The body is not JSON: half of a character at line {line} column {column}.")


def _count(data: bytes | bytearray, room: JsonRoom) -> None:
    """Every value but the first of a list or an object follows a comma, and that one a bracket."""
    texts = data.count(b'"') // 2
    if _separators(data) > MOST_VALUES or data.count(b"[") > room.lists:
        outside = STRING.sub(b"", data)
        if _separators(outside) > MOST_VALUES:
            raise NotJson(f"The body holds more than {MOST_VALUES:,} values.")
        _refuse_more(outside.count(b"["), room.lists, "lists")
    if texts > room.texts:  # some of the quotes may stand in texts
        _refuse_more(sum(1 for _ in STRING.finditer(data)), room.texts, "texts")


def _refuse_more(found: int, most: int, what: str) -> None:
    if found > most:
        raise NotJson(f"The body holds more than {most:,} {what}.")


def _separators(data: bytes | bytearray) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


class _Reading:
    """One body's: what the library tells of while it reads is counted."""

    def __init__(self, room: JsonRoom, spooled_texts: SpooledTexts) -> None:
        self._room = room
        self._spooled = spooled_texts.found
        self._holders: list[tuple[dict[str, Any], str]] = []  # with a spooled text under this name
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
        if self._spooled:
            self._put_spooled(found)
        return found

    def _put_spooled(self, found: dict[str, Any]) -> None:
        for name, value in found.items():
            if isinstance(value, str) and value in self._spooled:
                found[name] = self._spooled[value]
                self._holders.append((found, name))

    def with_texts(self, value: Any) -> Any:
        """With spooled ones only where files may stand."""
        if not self._holders:
            return value
        files = {id(holder) for holder in _holders_of_files(value)}
        messages = {id(message) for message in (value if isinstance(value, list) else [value])}
        for holder, name in self._holders:
            places = {"content": files, "message": messages}.get(name, ())
            if id(holder) not in places:
                holder[name] = str(holder[name])
        return value

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


def _holders_of_files(value: Any) -> Iterator[Any]:
    for one in value if isinstance(value, list) else [value]:
        files = one.get("attachments") if isinstance(one, dict) else None
        yield from files if isinstance(files, list) else ()


def _constant(name: str) -> NoReturn:
    raise NotJson(f"The body is not JSON: {name} is no number of JSON.")


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "backslashreplace").decode()
