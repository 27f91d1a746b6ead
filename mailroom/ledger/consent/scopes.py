"""Scope of a suppression: all mail, the bulk mail of one sender, or one list of it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, func, or_, select

from mailroom.ledger.schema import deliveries, mailings, suppressions

BULK_AUDIENCE = "bulk"
"""As in content.content: the two rooms do not know each other."""


class Scope(NamedTuple):
    """`sender`: an address (lower case) whose bulk mail is meant; "": all mail. `list_name`: only that."""

    sender: str = ""
    list_name: str = ""

    @property
    def word(self) -> str:
        if not self.sender:
            return "all"
        return "list" if self.list_name else "sender"


ALL_MAIL = Scope()


def audience(purpose: str, sender_address: str, list_name: str) -> Scope:
    """Whom a mailing writes to, for `reaches_audience`. A transactional one heeds what stops all mail."""
    return Scope(sender_address.lower(), list_name) if purpose == BULK_AUDIENCE else ALL_MAIL


def reaches_audience() -> ColumnElement[bool]:
    """SQL: whether a suppression stops mail to the audience `of_sender`, `of_list`."""
    of_sender, of_list = (bindparam(name, type_=String()) for name in ("of_sender", "of_list"))
    mine = or_(suppressions.c.list_name == "", suppressions.c.list_name == of_list)
    return or_(suppressions.c.sender == "", and_(suppressions.c.sender == of_sender, mine))


def stops_delivery() -> ColumnElement[bool]:
    """SQL: whether a suppression stops a row of `deliveries` that stands beside its row of `mailings`.

    One look into the index of addresses.
    """
    return _stopping().exists()


def stops_not() -> ColumnElement[bool]:
    """SQL: whether none does, looked up for one row after the other.

    For pages of a mailing: PostgreSQL makes a join of `NOT EXISTS`, and reads all suppressions for each page.
    """
    return _stopping().limit(1).scalar_subquery().is_(None)


def _stopping() -> Select[tuple[str]]:
    """An address of a sender is ASCII, so both databases' lower() is Python's."""
    of_its_bulk_mail = and_(
        mailings.c.purpose == BULK_AUDIENCE,
        func.lower(mailings.c.sender_address) == suppressions.c.sender,
        or_(suppressions.c.list_name == "", suppressions.c.list_name == mailings.c.list_name),
    )
    listed = select(suppressions.c.address_key).where(
        suppressions.c.address_key == deliveries.c.address_key,
        or_(suppressions.c.sender == "", of_its_bulk_mail),
    )
    return listed.correlate(deliveries, mailings)
