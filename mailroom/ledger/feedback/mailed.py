"""Mailed: the deliveries that a report may be about, found by id, or by a Message-ID that several share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from mailroom.ledger.schema import batches, deliveries, mailings


class Mailed(NamedTuple):
    """A delivery, with what is known of its mailing."""

    id: int
    mailing_id: int
    address_key: str
    uid: str
    kind: str
    own_message_id: str | None
    sender_address: str
    id_secret: str | None

    @property
    def has_shared_id(self) -> bool:
        """Whether all recipients of its mailing have one Message-ID."""
        return self.kind == "shared" or self.own_message_id is not None


MAILED_COLUMNS = (
    *(deliveries.c[name] for name in ("id", "mailing_id", "address_key")),
    *(mailings.c[name] for name in ("uid", "kind", "message_id", "sender_address", "id_secret")),
)
MAILED_AT_ONCE = 500


def by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Mailed]:
    chosen, found = sorted(set(ids)), dict[int, Mailed]()
    for begin in range(0, len(chosen), MAILED_AT_ONCE):
        some = deliveries.c.id.in_(chosen[begin : begin + MAILED_AT_ONCE])
        found |= {row.id: Mailed(*row) for row in connection.execute(_mailed().where(some))}
    return found


def lock(connection: Connection, ids: Iterable[int]) -> None:
    """So that `picking.pick` sees them as they are and stay, in a statement that begins after this one.

    Their batches first, which then do not end: what has been sent in one is counted when it ends. And then
    their mailings, as whoever counts does later on.
    """
    chosen = deliveries.c.id.in_(sorted(ids))
    of_batches = select(deliveries.c.batch_id).where(chosen, deliveries.c.batch_id.is_not(None))
    live = select(batches.c.id).where(batches.c.id.in_(of_batches)).order_by(batches.c.id)
    connection.execute(live.with_for_update(read=True, key_share=True)).all()
    mine = select(deliveries.c.mailing_id).where(chosen).order_by(deliveries.c.id).with_for_update()
    mailing_ids = sorted(set(connection.execute(mine).scalars()))
    of_mailings = select(mailings.c.id).where(mailings.c.id.in_(mailing_ids)).order_by(mailings.c.id)
    connection.execute(of_mailings.with_for_update()).all()


def of_shared(connection: Connection, uid: str, address_key: str) -> list[Mailed]:
    """Those of a mailing whose recipients all have one Message-ID. No address: two of them at most."""
    return _some(connection, _mailed().where(mailings.c.uid == uid, mailings.c.kind == "shared"), address_key)


def of_message_id(connection: Connection, message_id: str, address_key: str) -> list[Mailed]:
    """The same for one that came with its message; several mailings may have it. The newest first."""
    own = mailings.c.message_id.is_not(None) & (mailings.c.message_id == message_id)
    return _some(connection, _mailed().where(own), address_key)


def _mailed() -> Select[Any]:
    return select(*MAILED_COLUMNS).join(mailings, mailings.c.id == deliveries.c.mailing_id)


def _some(connection: Connection, statement: Select[Any], address_key: str) -> list[Mailed]:
    if address_key:
        statement = statement.where(deliveries.c.address_key == address_key)
    newest = statement.order_by(deliveries.c.id.desc()).limit(2)
    return [Mailed(*row) for row in connection.execute(newest)]
