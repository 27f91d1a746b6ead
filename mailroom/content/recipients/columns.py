"""Which column of a CSV file is what, and what its merge tag is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.merge.names import identifier

_ADDRESS_NAMES = (
    *("email", "email_address", "e_mail", "e_mail_address", "mail", "mail_address", "recipient"),
    *("recipient_email", "to", "address", "adresse", "mailadresse", "e_mail_adresse", "email_adresse"),
    *("correo", "courriel"),
)
_MAIL_NAMES = (
    *("e_mail_1_value", "email_1_value", "primary_email", "e_mail_1_address", "email_1_address"),
    *(name for name in _ADDRESS_NAMES if "mail" in name),
)
"""Headings that mean nothing else. The first ones are of exported contacts."""

SEVERAL = ":::"
"""Between the addresses of one cell, in Google's exports."""

_NAME_NAMES = ("name", "full_name", "display_name")

_TAKEN = {"email", "name"}
"""Merge tags that every recipient has anyway."""

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """`address` and `name` are positions; `variables` are positions with their tag's name."""

    address: int
    name: int | None
    variables: tuple[tuple[int, str], ...]
    count: int
    has_header: bool


def columns_of(first: Row, sample: Sequence[Row]) -> Columns | None:
    """Read from the file's first row and some that follow; None: no column holds addresses."""
    without_header = next((i for i, cell in enumerate(first) if holds_address(cell)), None)
    if without_header is not None:
        headings = ["" for _ in first]
        return _named(headings, without_header, None, has_header=False)
    headings = [identifier(cell) for cell in first]
    address = _address_column(headings, sample)
    if address is None:
        return None
    name = next((headings.index(word) for word in _NAME_NAMES if word in headings), None)
    return _named(headings, address, name, has_header=True)


def _address_column(headings: list[str], sample: Sequence[Row]) -> int | None:
    named = [headings.index(word) for word in (*_MAIL_NAMES, *_ADDRESS_NAMES) if word in headings]
    holding = [
        i for i in range(len(headings)) if any(holds_address(row[i]) for row in sample if i < len(row))
    ]
    surely = next((headings.index(word) for word in _MAIL_NAMES if word in headings), None)
    if surely is not None and not any(row[surely].strip() for row in sample if surely < len(row)):
        return surely  # of people who stand first, and have none
    # `Address` is often a street: a name alone decides only where no cell does.
    return next((i for i in named if i in holding), next(iter(holding or named), None))


def _named(headings: list[str], address: int, name: int | None, *, has_header: bool) -> Columns:
    taken, variables = dict.fromkeys(_TAKEN, 2), []
    for position, heading in enumerate(headings):
        if position in (address, name):
            continue
        tag = _free(heading or f"column_{position + 1}", taken)
        variables.append((position, tag))
    return Columns(address, name, tuple(variables), len(headings), has_header)


def _free(tag: str, taken: dict[str, int]) -> str:
    """The tag, with the first free number where it is taken, looked for from the last that was given."""
    candidate = tag
    while candidate in taken:
        candidate = f"{tag}_{taken[tag]}"
        taken[tag] += 1
    taken[candidate] = 2
    return candidate


def holds_address(cell: str) -> bool:
    """Whether one address stands in it, or several."""
    return "@" in cell and any(map(_is_address, cell.split(SEVERAL)))


def _is_address(cell: str) -> bool:
    try:
        parse_address(cell)
    except AddressError:
        return False
    return True
