"""Search: recipients of all mailings by what is known of their address or name, the newest first.

The beginning of an address is found among all by an index. A part of an address or a name has to be read for:
in the newest RECENT by every search, and further back, LOOKED_THROUGH at a time, when somebody asks for it.

A B-tree of all addresses would be written at random, page by page, while somebody waits for an acceptance,
and the more slowly the more there are. So the index of addresses has a part for each block of deliveries
(block_of): what is written is always the newest part, and a search looks into one part after the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import CTE, BigInteger, ColumnElement, Connection, Select, func, literal, select, true

from mailroom.database.any_case import contains_in_any_case
from mailroom.database.contains import contains
from mailroom.database.planner import without_parallel_workers
from mailroom.ledger.deliveries.deliveries import DELIVERY_COLUMNS, Delivery, as_delivery
from mailroom.ledger.mailings.mailings import NotSearched
from mailroom.ledger.schema import block_of, deliveries, mailings
from mailroom.ledger.states import MailingState

RECENT = 20_000
"""Of the newest deliveries so many are read by every search, for a part of a name or an address."""

LOOKED_THROUGH = 100_000
"""So many older ones are read at a time by who looks further back."""

Found = tuple[Delivery, str]
"""A delivery, and its mailing's subject."""


class LookedFurther(NamedTuple):
    """What was found further back. `rest`: None when that was all."""

    found: list[Found]
    rest: NotSearched | None


OF_BLOCK = block_of(deliveries.c.id)
IS_SHOWN = deliveries.c.mailing_id.not_in(
    select(mailings.c.id).where(mailings.c.state == MailingState.STAGED)
)


def recipients(
    connection: Connection, words: str, before_id: int | None = None, limit: int = 50
) -> list[Found]:
    """The newest deliveries to whom `words` fits, below `before_id`.

    The beginning of an address is found among all by its index; a part of a name or an
    address among the newest RECENT only, so that nobody waits for what is not there.
    """
    key = words.strip().lower()
    without_parallel_workers(connection)
    newest = connection.execute(select(func.max(deliveries.c.id))).scalar_one()
    if not key or newest is None:
        return []
    before = newest + 1 if before_id is None else before_id
    recent, older = newest - RECENT, min(newest - RECENT + 1, before)
    found = _found(connection, _with_part(key, deliveries.c.id.between(recent + 1, before - 1), limit))
    if len(found) < limit:
        found += _found(connection, _beginning_with(key, deliveries.c.id < older, limit - len(found)))
    return found


def not_recent(connection: Connection) -> NotSearched | None:
    """The deliveries in which `recipients` looks for the beginning of an address only, if there are any."""
    newest = select(func.max(deliveries.c.id)).scalar_subquery()
    return _rest(connection, deliveries.c.id <= newest - RECENT)


def further_back(connection: Connection, words: str, before_id: int, limit: int = 50) -> LookedFurther:
    """The newest deliveries below `before_id` whose address or name contains `words`, of LOOKED_THROUGH."""
    without_parallel_workers(connection)
    key, lowest = words.strip().lower(), max(0, before_id - LOOKED_THROUGH)
    chosen = deliveries.c.id.between(lowest, before_id - 1)
    found = _found(connection, _with_part(key, chosen, limit + 1))
    if len(found) > limit:
        found = found[:limit]
        lowest = found[-1][0].id
    return LookedFurther(found, _rest(connection, deliveries.c.id < lowest))


def of_address(
    connection: Connection, address_key: str, before_id: int | None = None, limit: int = 50
) -> list[Found]:
    """The newest deliveries to exactly this address, below `before_id`; of all, by its index."""
    chosen = true() if before_id is None else deliveries.c.id < before_id
    fits = (deliveries.c.address_key == address_key) & chosen & IS_SHOWN
    return _found(connection, _in_its_blocks(fits, chosen, limit))


def _rest(connection: Connection, chosen: ColumnElement[bool]) -> NotSearched | None:
    newest = select(deliveries.c.id, deliveries.c.mailing_id).where(chosen).order_by(deliveries.c.id.desc())
    first = newest.limit(1).subquery()
    found = select(first.c.id, mailings.c.created_at).join(mailings, mailings.c.id == first.c.mailing_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else NotSearched(row[0] + 1, row[1])


def _found(connection: Connection, ids: Select[tuple[int]]) -> list[Found]:
    statement = (
        select(*DELIVERY_COLUMNS, mailings.c.subject)
        .join(mailings, mailings.c.id == deliveries.c.mailing_id)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.id.desc())
    )
    return [(as_delivery(row[:-1]), row[-1]) for row in connection.execute(statement)]


def _with_part(key: str, chosen: ColumnElement[bool], limit: int) -> Select[tuple[int]]:
    in_address = contains(deliveries.c.address_key, key)
    in_name = (deliveries.c.name != "") & contains_in_any_case(deliveries.c.name, key)
    return _newest(select(deliveries.c.id).where(chosen, in_address | in_name, IS_SHOWN), limit)


def _beginning_with(key: str, chosen: ColumnElement[bool], limit: int) -> Select[tuple[int]]:
    fits = deliveries.c.address_key.between(key, key + "\U0010ffff") & chosen & IS_SHOWN
    return _in_its_blocks(fits, chosen, limit)


def _in_its_blocks(fits: ColumnElement[bool], chosen: ColumnElement[bool], limit: int) -> Select[tuple[int]]:
    blocks = _blocks(fits, chosen, limit)
    # First all that these blocks have: a planner that sorts by reading all deliveries backwards meets none.
    in_blocks = (blocks.c.block == OF_BLOCK) & (blocks.c.found < limit)
    hits = select(deliveries.c.id).select_from(blocks.join(deliveries, in_blocks)).where(fits)
    return _newest(select(hits.cte("hits").prefix_with("MATERIALIZED").c.id), limit)


def _blocks(fits: ColumnElement[bool], chosen: ColumnElement[bool], limit: int) -> CTE:
    """Blocks, the newest first, each with how many were found in newer ones; until that is enough."""
    oldest = select(block_of(func.min(deliveries.c.id))).scalar_subquery()
    newest = select(block_of(func.max(deliveries.c.id)).label("block"), literal(0, BigInteger).label("found"))
    blocks = newest.where(chosen).cte("blocks", recursive=True)
    in_block = select(deliveries.c.id).where(blocks.c.block == OF_BLOCK, fits).limit(limit)
    found = select(func.count()).select_from(in_block.correlate(blocks).subquery()).scalar_subquery()
    following = select(blocks.c.block - 1, blocks.c.found + found)
    return blocks.union_all(following.where(blocks.c.block > oldest, blocks.c.found < limit))


def _newest(ids: Select[Any], limit: int) -> Select[tuple[int]]:
    return ids.order_by(ids.selected_columns.id.desc()).limit(limit)
