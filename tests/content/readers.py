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


def field_names(message: bytes) -> list[str]:
    """As any line-based reader finds them: a line that begins with no blank begins a field."""
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    lines = re.split(rb"\r\n|\n|\r", head)
    return [
        line.partition(b":")[0].decode("ascii").lower() for line in lines if line[:1] not in (b" ", b"\t")
    ]


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
