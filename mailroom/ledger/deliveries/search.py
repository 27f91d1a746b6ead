"""Search: recipients of all mailings by what is known of their address or name, the newest first.

The beginning of an address is found among all by an index. A part of an address or a name has to be read for:
in the newest RECENT by every search, and further back, LOOKED_THROUGH at a time, when somebody asks for it.

A B-tree of all addresses would be written at random, page by page, while somebody waits for an acceptance,
and the more slowly the more there are. So the index of addresses has a part for each block of deliveries
(block_of): what is written is always the newest part, and a search looks into one part after the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    select,
    true,
)

from mailroom.database.sql.any_case import contains_in_any_case, pattern_of
from mailroom.database.sql.contains import contains
from mailroom.database.sql.planner import without_parallel_workers
from mailroom.ledger.deliveries.deliveries import DELIVERY_COLUMNS, Delivery, as_delivery
from mailroom.ledger.mailings.mailings import NotSearched
from mailroom.ledger.schema import BLOCKS_JOINED, block_of, deliveries, mailings
from mailroom.ledger.states import MailingState

RECENT = 20_000
"""Of the newest deliveries so many are read by every search, for a part of a name or an address."""

NEARBY_READ = 2_000
"""Further back so many are read for the beginning of an address, before the index is asked."""

LOOKED_THROUGH = 100_000
"""So many older ones are read at a time by who looks further back."""

Found = tuple[Delivery, str]
"""A delivery, and its mailing's subject."""


class LookedFurther(NamedTuple):
    """What was found further back. `rest`: None when that was all."""

    found: list[Found]
    rest: NotSearched | None


OF_BLOCK = block_of(deliveries.c.id)

Id = int | BindParameter[int]

SEARCHED_KEY, KEYS_END, PATTERN = (bindparam(name, type_=Text) for name in ("key", "keys_end", "pattern"))
LOWEST, BELOW_ID, FOUND_AT_MOST = (
    bindparam(name, type_=BigInteger) for name in ("lowest", "below", "at_most")
)
"""The words, and behind what begins with them; as a pattern; between which ids, and how many."""


def _are_shown(those: FromClause, before_id: Id | None = None) -> ColumnElement[bool]:
    """Their mailings are no longer being written; and they are below that id."""
    staged = select(mailings.c.id).where(mailings.c.state == MailingState.STAGED)
    is_below = true() if before_id is None else those.c.id < before_id
    return and_(those.c.mailing_id.not_in(staged), is_below)


def recipients(
    connection: Connection, words: str, before_id: int | None = None, limit: int = 50
) -> list[Found]:
    """The newest deliveries to whom `words` fits, below `before_id`.

    The beginning of an address is found among all by its index; a part of a name or an
    address among the newest RECENT only, so that nobody waits for what is not there.
    """
    key = words.strip().lower()
    without_parallel_workers(connection)
    newest = connection.execute(FIND_NEWEST_ID).scalar_one()
    if not key or newest is None:
        return []
    before, older = newest + 1 if before_id is None else max(0, before_id), newest - RECENT + 1
    if before > older:
        found = _with_part(connection, key, older, before, limit)
    else:  # the next page of many is near, and need not be looked for among all of its block
        older = before - NEARBY_READ
        found = _read(connection, FIND_NEARBY, key=key, lowest=older, below=before, at_most=limit)
    if len(found) < limit:
        begins = {"key": key, "keys_end": key + "\U0010ffff"}
        found += _read(connection, FIND_BEGINNING, **begins, below=older, at_most=limit - len(found))
    return found


def not_recent(connection: Connection) -> NotSearched | None:
    """The deliveries in which `recipients` looks for the beginning of an address only, if there are any."""
    return _rest(connection, FIND_NOT_RECENT, {"recent": RECENT})


def further_back(connection: Connection, words: str, before_id: int, limit: int = 50) -> LookedFurther:
    """The newest deliveries below `before_id` whose address or name contains `words`, of LOOKED_THROUGH."""
    without_parallel_workers(connection)
    before_id = max(0, before_id)
    key, lowest = words.strip().lower(), max(0, before_id - LOOKED_THROUGH)
    found = _with_part(connection, key, lowest, before_id, limit + 1)
    if len(found) > limit:
        found = found[:limit]
        lowest = found[-1][0].id
    return LookedFurther(found, _rest(connection, FIND_FURTHER_BACK, {"below": lowest}))


def of_address(
    connection: Connection, address_key: str, before_id: int | None = None, limit: int = 50
) -> list[Found]:
    """The newest deliveries to exactly this address, below `before_id`; of all, by its index."""
    return _read(
        connection, _found(_in_its_blocks(deliveries.c.address_key == address_key, before_id, limit))
    )


def _rest(connection: Connection, of: Select[Any], values: dict[str, int]) -> NotSearched | None:
    row = connection.execute(of, values).one_or_none()
    return None if row is None else NotSearched(row[0] + 1, row[1])


def _newest_of(chosen: ColumnElement[bool]) -> Select[Any]:
    """Its id, and when it was accepted."""
    newest = select(deliveries.c.id, deliveries.c.mailing_id).where(chosen).order_by(deliveries.c.id.desc())
    first = newest.limit(1).subquery()
    return select(first.c.id, mailings.c.created_at).join(mailings, mailings.c.id == first.c.mailing_id)


def _with_part(connection: Connection, key: str, lowest: int, before_id: int, limit: int) -> list[Found]:
    """Those from `lowest` on, below `before_id`, in whose address or name it is."""
    given = {"key": key, "pattern": pattern_of(key)}
    return _read(connection, FIND_PART, **given, lowest=lowest, below=before_id, at_most=limit)


def _read(connection: Connection, found: Select[Any], **values: str | int) -> list[Found]:
    return [(as_delivery(row[:-1]), row[-1]) for row in connection.execute(found, values)]


def _found(ids: Select[tuple[int]]) -> Select[Any]:
    return (
        select(*DELIVERY_COLUMNS, mailings.c.subject)
        .join(mailings, mailings.c.id == deliveries.c.mailing_id)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.id.desc())
    )


def _part() -> Select[tuple[int]]:
    in_address = contains(deliveries.c.address_key, SEARCHED_KEY)
    in_name = (deliveries.c.name != "") & contains_in_any_case(deliveries.c.name, PATTERN)
    # Whose else it is, is asked of what fits, and not before of twenty thousand.
    fits = case((in_address | in_name, _are_shown(deliveries)), else_=false())
    return _newest(select(deliveries.c.id).where(IS_BETWEEN, fits), FOUND_AT_MOST)


def _nearby() -> Select[tuple[int]]:
    begins = (
        func.substr(deliveries.c.address_key, 1, func.length(SEARCHED_KEY)) == SEARCHED_KEY
    )  # by no index of addresses
    return _newest(select(deliveries.c.id).where(IS_BETWEEN, begins, _are_shown(deliveries)), FOUND_AT_MOST)


def _in_its_blocks(fits: ColumnElement[bool], before_id: Id | None, limit: Id) -> Select[tuple[int]]:
    """`fits`: by the index of addresses alone."""
    blocks = select(_blocks(fits, before_id, limit)).limit(BLOCKS_JOINED).subquery()
    # First all that these blocks have: a planner that sorts by reading all deliveries backwards meets none.
    # By an outer join that asks for nothing else: SQLite that has statistics would begin with all blocks'.
    in_blocks = (blocks.c.block == OF_BLOCK) & (blocks.c.found < limit) & fits
    found = select(deliveries.c.id, deliveries.c.mailing_id).select_from(
        blocks.outerjoin(deliveries, in_blocks)
    )
    hits = found.cte("hits").prefix_with("MATERIALIZED")
    return _newest(select(hits.c.id).where(hits.c.id.is_not(None), _are_shown(hits, before_id)), limit)


def _blocks(fits: ColumnElement[bool], before_id: Id | None, limit: Id) -> CTE:
    """Blocks, the newest first, each with how many were found in newer ones; until that is enough."""
    oldest = select(block_of(func.min(deliveries.c.id))).scalar_subquery()
    newest = select(block_of(func.max(deliveries.c.id)).label("block"), literal(0, BigInteger).label("found"))
    newest = newest if before_id is None else newest.where(deliveries.c.id < before_id)
    blocks = newest.cte("blocks", recursive=True)
    in_block = select(deliveries.c.id).where(
        blocks.c.block == OF_BLOCK, fits, _are_shown(deliveries, before_id)
    )
    counted = in_block.limit(limit).correlate(blocks).subquery()
    found = select(func.count()).select_from(counted).scalar_subquery()
    following = select(blocks.c.block - 1, blocks.c.found + found)
    return blocks.union_all(following.where(blocks.c.block > oldest, blocks.c.found < limit))


def _newest(ids: Select[Any], limit: Id) -> Select[tuple[int]]:
    return ids.order_by(ids.selected_columns.id.desc()).limit(limit)


# Made once: to make one takes longer than to read by it.
IS_BETWEEN = (deliveries.c.id >= LOWEST) & (deliveries.c.id < BELOW_ID)
FIND_NEWEST_ID = select(func.max(deliveries.c.id))
FIND_PART, FIND_NEARBY = _found(_part()), _found(_nearby())
FIND_BEGINNING = _found(
    _in_its_blocks(deliveries.c.address_key.between(SEARCHED_KEY, KEYS_END), BELOW_ID, FOUND_AT_MOST)
)
FIND_NOT_RECENT = _newest_of(
    deliveries.c.id <= FIND_NEWEST_ID.scalar_subquery() - bindparam("recent", type_=BigInteger)
)
FIND_FURTHER_BACK = _newest_of(deliveries.c.id < BELOW_ID)
