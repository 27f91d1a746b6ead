"""Two readers of a message that share no code with Mailroom, and with each other only the split into fields.

`strict_authors`   parses, then decodes, as RFC 2047 says
`naive_authors`    decodes, then parses, as many programs do
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses

AUTHOR_FIELDS = ("from", "sender", "resent-from", "resent-sender")


def fields(message: bytes) -> list[tuple[str, str]]:
    """As any line-based reader finds them: a line that begins with no blank begins a field."""
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    found: list[tuple[str, str]] = []
    for line in re.split(r"\r\n|\n|\r", head.decode("latin-1")):
        if found and line[:1] in (" ", "\t"):
            name, value = found.pop()
            found.append((name, f"{value}{line}".strip()))
        else:
            name, _, value = line.partition(":")
            found.append((name.strip().lower(), value.strip()))
    return found


def field_names(message: bytes) -> list[str]:
    return [name for name, _ in fields(message)]


def strict_authors(message: bytes) -> set[str]:
    return {address.lower() for name in AUTHOR_FIELDS for address in strict_addresses(message, name)}


def strict_addresses(message: bytes, name: str) -> list[str]:
    parsed = message_from_bytes(message, policy=policy.default)
    try:
        fields = parsed.get_all(name, [])
    except (AttributeError, IndexError):  # it gives up on a name that begins or ends with a dot
        return []
    return [one.addr_spec for field in fields for one in field.addresses if "@" in one.addr_spec]


def naive_authors(message: bytes) -> set[str]:
    return {
        address.lower() for text in _naive(message) for _, address in getaddresses([text]) if "@" in address
    }


def _naive(message: bytes) -> Iterator[str]:
    parsed = message_from_bytes(message)
    for name in AUTHOR_FIELDS:
        for field in parsed.get_all(name, []):
            text = re.sub(r"[\r\n]+", "", str(field))
            yield text
            try:
                yield str(make_header(decode_header(text)))
            except (HeaderParseError, LookupError, UnicodeError, ValueError):
                continue
