"""Known: how the deliveries stand of which a relay's record tells, looked up by the hundred."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import CTE, Connection, Select, func, select

from mailroom.database.clock import to_millis
from mailroom.database.sql.any_of import any_of
from mailroom.ledger.feedback.mailed import MAILED_COLUMNS, Mailed
from mailroom.ledger.schema import BLOCKS_JOINED, IS_WATCHED, block_of, deliveries, mailings
from mailroom.ledger.states import State


class Known(NamedTuple):
    """A delivery as the ledger has it."""

    of: Mailed
    state: State
    reply: str
    marked_at: int | None


def by_ids(connection: Connection, ids: Collection[int]) -> dict[int, Known]:
    if not ids:
        return {}
    return {one.of.id: one for one in _some(connection, any_of(deliveries.c.id, "ids"), ids=ids)}


def of_shared(connection: Connection, uids: Collection[str]) -> list[Known]:
    """All of mailings whose recipients have one Message-ID."""
    if not uids:
        return []
    return _some(connection, any_of(mailings.c.uid, "uids"), mailings.c.kind == "shared", uids=uids)


def of_message_ids(connection: Connection, message_ids: Collection[str]) -> list[Known]:
    """All of mailings that came as a whole message with one of these."""
    if not message_ids:
        return []
    named = any_of(mailings.c.message_id, "message_ids")
    return _some(connection, mailings.c.message_id.is_not(None), named, message_ids=message_ids)


def sent_to(connection: Connection, address_keys: Collection[str], most: int) -> list[Known]:
    """The newest that the relay took, with what it said, to these addresses."""
    if not address_keys:
        return []
    blocks = select(_blocks()).limit(BLOCKS_JOINED).subquery()
    in_block = blocks.c.block == block_of(deliveries.c.id)
    mine = blocks.outerjoin(deliveries, in_block & any_of(deliveries.c.address_key, "address_keys"))
    # Whoever asks for their state as well may be given all deliveries first: see deliveries/search.py.
    found_in_blocks = select(deliveries.c.id, deliveries.c.state).select_from(mine)
    hits = found_in_blocks.cte("hits").prefix_with("MATERIALIZED")
    ids = select(hits.c.id).where(hits.c.state == State.SENT).order_by(hits.c.id.desc())
    found = connection.execute(ids.limit(most), {"address_keys": address_keys}).scalars().all()
    return list(by_ids(connection, found).values())


def _blocks() -> CTE:
    """All blocks of deliveries: of each the addresses have an index."""
    first, last = (select(block_of(end(deliveries.c.id))).scalar_subquery() for end in (func.min, func.max))
    blocks = select(last.label("block")).cte("blocks", recursive=True)
    return blocks.union_all(select(blocks.c.block - 1).where(blocks.c.block > first))


def unknown_between(
    connection: Connection, since: datetime, until: datetime, after_id: int = 0, limit: int = 500
) -> list[Known]:
    """Unknown ones that were last about to be handed over in this time, by id."""
    chosen = (
        IS_WATCHED,  # by whose index they are found; its words do not say of which table
        deliveries.c.trouble == State.UNKNOWN,
        deliveries.c.marked_at.between(to_millis(since), to_millis(until)),
        deliveries.c.id > after_id,
    )
    ids = select(deliveries.c.id).where(*chosen).order_by(deliveries.c.id).limit(limit)
    return list(by_ids(connection, connection.execute(ids).scalars().all()).values())


def _known() -> Select[Any]:
    columns = (deliveries.c.state, deliveries.c.reply, deliveries.c.marked_at)
    return select(*columns, *MAILED_COLUMNS).join(mailings, mailings.c.id == deliveries.c.mailing_id)


def _some(connection: Connection, *which: Any, **given: Collection[Any]) -> list[Known]:
    rows = connection.execute(_known().where(*which).order_by(deliveries.c.id), given)
    return [_one(row) for row in rows]


def _one(row: Any) -> Known:
    state, reply, marked_at, *mailed = row
    return Known(Mailed(*mailed), state, reply or "", marked_at)
