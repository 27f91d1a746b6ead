"""The letter that everybody sends, and to whom. No imports: peers read it in an environment of their own."""

from __future__ import annotations

SENDER = "post@mailroom.example"
SUBJECT = "News for {first_name}"
LINES = [f"This is line {number} of the letter that everybody gets this month." for number in range(1, 9)]
TEXT = "Hello {first_name},\n\n" + "\n".join(LINES) + "\n\nSee you in {city}!\n"
HTML = (
    "<html><body><p>Hello {first_name},</p>\n"
    + "\n".join(f"<p>{line}</p>" for line in LINES)
    + "\n<p>See you in {city}!</p></body></html>\n"
)
COLUMNS = ("first_name", "city")
SIZE = 1_900
"""Bytes of one message on the wire, about: what smtp-source is told to send."""


def address(number: int) -> str:
    return f"person{number}@mail.example"


def scattered(number: int) -> int:
    """Another number below ten million for each below it, in no order: as people's addresses come."""
    return number * 2_654_435_761 % 10_000_000


def values(number: int) -> dict[str, str]:
    """What differs from one letter to the next."""
    return {"first_name": f"Ann{number}", "city": f"Town {number % 50}"}


def tagged(template: str) -> str:
    """`template` with Mailroom's merge tags in place of Python's."""
    return template.replace("{", "{{ ").replace("}", " }}")
