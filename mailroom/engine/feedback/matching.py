"""Matching: which delivery a report is about, by what only its own mail could tell.

A token decides alone: one that is wrong is a forgery, whatever else the report says. Without one it is the
Message-ID together with the address; where the way in vouches for the report, the Message-ID is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.content.links.return_tokens import read
from mailroom.content.message.message_ids import own_id
from mailroom.engine.key_ring import KeyRing
from mailroom.engine.letterhead import is_made_id
from mailroom.feedback.report import Report
from mailroom.ledger.feedback import mailed
from mailroom.ledger.feedback.mailed import Mailed

FORGED = "its token is none of ours"
NOT_IN_LEDGER = "its mail is not in the ledger"
NOTHING_SAID = "it has neither a token nor a Message-ID"
NOT_SIGNED = "its return path is not signed"
NO_ADDRESS = "it does not say whose mail it is about"
SAID_ENOUGH = "so many reports of its mail say the same already"
NOT_OURS = "no mail of its Message-ID went to its address"
OF_SEVERAL = "mail of its Message-ID went to several, and it does not say to whom"


class Match(NamedTuple):
    """Of one report. `unmatched`: why it is of no delivery. `is_certain`: else somebody may have made it who
    knows the address and has seen the Message-ID: in an answer to that mail, or in another mail of a mailing
    that is shared, or of an older Mailroom.
    """

    of: Mailed | None
    unmatched: str = ""
    is_certain: bool = True


class SealedToken(NamedTuple):
    """What was sealed here. `is_of`: whether for this address (lower case)."""

    delivery_id: int
    is_of: Callable[[str], bool]


def opened(report: Report, ring: KeyRing) -> SealedToken | None:
    """Its token; None where it has none, or one that was not made here. May ask the ledger for keys."""
    return _opened(report.token, ring) if report.token else None


def match(
    connection: Connection,
    reports: Sequence[Report],
    tokens: Sequence[SealedToken | None],
    *,
    is_signed: bool,
) -> list[Match]:
    """`tokens`: of the reports, opened. `is_signed`: mail leaves with signed return paths, so that whatever
    comes back brings one.
    """
    found = mailed.by_id(connection, _ids(reports, tokens))
    return [
        _by_token(token, found)
        if report.token
        else _by_message_id(connection, report, found, is_signed=is_signed)
        for report, token in zip(reports, tokens, strict=True)
    ]


def _ids(reports: Iterable[Report], tokens: Iterable[SealedToken | None]) -> set[int]:
    own = (own_id(report.message_id) for report in reports)
    named = {one.delivery_id for one in own if one is not None and one.delivery_id is not None}
    return named | {token.delivery_id for token in tokens if token is not None}


def _opened(text: str, ring: KeyRing) -> SealedToken | None:
    """Of a return path, or of an unsubscribe link."""
    parts = read(text)
    if parts is None:
        linked = ring.linked_to(text)
        return None if linked is None else SealedToken(linked.delivery_id, linked.address_key.__eq__)
    key = ring.returned(parts.key_number)
    if key is None:
        return None
    return SealedToken(parts.delivery_id, lambda address: key.is_sealed(parts, parts.purpose, address))


def _by_token(token: SealedToken | None, found: Mapping[int, Mailed]) -> Match:
    if token is None:
        return Match(None, FORGED)
    of = found.get(token.delivery_id)
    if of is None:
        return Match(None, NOT_IN_LEDGER)
    return Match(of) if token.is_of(of.address_key) else Match(None, FORGED)


def _by_message_id(
    connection: Connection, report: Report, found: Mapping[int, Mailed], *, is_signed: bool
) -> Match:
    if not report.message_id:
        return Match(None, NOTHING_SAID)
    if is_signed and not report.is_proven:
        return Match(None, NOT_SIGNED)
    if not (report.address or report.is_proven):
        return Match(None, NO_ADDRESS)
    return (_own(report, found) or _shared(connection, report))._replace(is_certain=report.is_proven)


def _own(report: Report, found: Mapping[int, Mailed]) -> Match | None:
    """By a Message-ID that one delivery alone has."""
    own = own_id(report.message_id)
    of = found.get(own.delivery_id) if own and own.delivery_id else None
    if of is None or of.has_shared_id or not is_made_id(report.message_id, of, of.id):
        return None
    fits = report.is_proven or report.address.lower() == of.address_key
    return Match(of) if fits else Match(None, NOT_OURS)


def _shared(connection: Connection, report: Report) -> Match:
    """By one that all recipients of a message have: then the address decides."""
    address_key = report.address.lower()
    some = mailed.of_message_id(connection, report.message_id, address_key)
    own = own_id(report.message_id)
    if not some and own is not None:
        some = mailed.of_shared(connection, own.uid, address_key)
        some = [one for one in some if is_made_id(report.message_id, one, None)]
    if not some:
        return Match(None, NOT_OURS)
    # The same message may have been handed in twice: what is told of is the last one.
    return Match(some[0]) if address_key or len(some) == 1 else Match(None, OF_SEVERAL)
