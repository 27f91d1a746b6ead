"""Addresses as reports write them: typed (RFC 3464), in xtext (RFC 3461), in other scripts (RFC 6533)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailroom.feedback.received import LONGEST_VALUE_READ

LONGEST_ADDRESS_READ = 320

_NO_PART = r"\s<>@,;:\"()\[\]\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069"
_ADDRESS = re.compile(rf"[^{_NO_PART}]{{1,128}}@[^{_NO_PART}/]{{1,255}}")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_HAS_TO_BE_WRITTEN_SO = frozenset((*range(0x21), 0x2B, 0x3D, *range(0x7F, 0x100)))
"""Octets that xtext has no other way for."""


def address_in(value: str) -> str:
    """The address of a field as `rfc822; ann@example.org`; "" where there is none."""
    kind, semicolon, rest = value[:LONGEST_VALUE_READ].partition(";")
    written = (rest if semicolon else kind).strip()
    if kind.strip().lower() == "utf-8":
        written = _UNICODE.sub(_character, written)
    return unquoted(next(addresses_in(written.strip("<> ")), ""))


def addresses_in(text: str) -> Iterator[str]:
    """Every address of a short text, as it stands there."""
    for found in _ADDRESS.finditer(text[:LONGEST_VALUE_READ]):
        address = found[0].strip("'`*=").rstrip(".")
        if "@" in address and len(address) <= LONGEST_ADDRESS_READ and not address.startswith("@"):
            yield address


def unquoted(address: str) -> str:
    """Without xtext, where each + of it begins what could be written no other way: else it is a plain +."""
    codes = [int(code, 16) for code in _HEXCHAR.findall(address)]
    if not codes or len(codes) < address.count("+") or not _HAS_TO_BE_WRITTEN_SO.issuperset(codes):
        return address
    octets = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), address)
    try:
        plain = octets.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return address
    return plain if "@" in plain and not re.search(r"[\x00-\x20\x7f<>]", plain) else address


def _character(found: re.Match[str]) -> str:
    try:
        return chr(int(found[1], 16)).encode().decode()
    except (ValueError, UnicodeError):
        return ""
