"""JSON that somebody sent, read within bounds, and in one way only (I-JSON, RFC 7493).

What is counted here need not be counted before each mistake in it is told of: a list of a million
zeros where addresses are wanted is a million mistakes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from pydantic_core import from_json

MOST_VALUES = 4_000_000
"""In one body: 200,000 recipients with some twenty values each, or a file of 4 MB as a list of its bytes."""

MOST_NAMES = 1_000
"""In one object: as many variables as a mailing may have."""

# Possessive, and with an end for what does not end: each octet is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]++|\\(?:.|\Z))*+(?:"|\Z)', re.DOTALL)

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJson(ValueError):
    """Text that is no JSON, or more than we read; `str()` is a sentence."""


def read(data: bytes) -> Any:
    """The value. Raises NotJson."""
    _count(data)
    if _HALF.search(data):
        _refuse_halves(data)
    try:
        # Not the octets: the library would take UTF-16 for JSON, too.
        return _DECODER.decode(data.decode("utf-8"))
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


def _count(data: bytes) -> None:
    """Every value but the first of a list or an object follows a comma, and that one a bracket."""
    if _separators(data) > MOST_VALUES and _separators(_STRING.sub(b"", data)) > MOST_VALUES:
        raise NotJson(f"The body holds more than {MOST_VALUES:,} values.")


def _separators(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise NotJson(f"The body has an object with more than {MOST_NAMES:,} names.")
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise NotJson(f"The body holds “{_shown(twice)}” twice in one object.")
    return found


def _number(digits: str) -> float:
    found = float(digits)
    if math.isinf(found):
        raise NotJson("The body is not JSON that can be used: a number is too large.")
    return found


def _constant(name: str) -> NoReturn:
    raise NotJson(f"The body is not JSON: {name} is no number of JSON.")


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "backslashreplace").decode()


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)
