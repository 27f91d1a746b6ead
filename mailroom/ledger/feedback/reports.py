"""Reports: what was said of a mail after the 250, as facts of its delivery; and those of no delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Text,
    TextClause,
    bindparam,
    cast,
    delete,
    func,
    select,
    update,
)

from mailroom.database import clock
from mailroom.database.clock import from_millis, now_millis
from mailroom.database.sql.newest_first import Owner, newest_first
from mailroom.database.sql.upsert import insert_new
from mailroom.database.statement import Statement
from mailroom.ledger.schema import IS_OPEN, IS_UNMATCHED, deliveries, reports
from mailroom.ledger.states import State

UNMATCHED_KEPT = 10_000
"""Reports of no delivery: the oldest go."""

SHOWN_OCTETS, LISTED_OCTETS = 20_000, 4_000
"""Of what a report was read from, on the page of its mail and in a list: a page must not be a megabyte."""

UNMATCHED_KEPT_MS = 90 * 86_400_000

LATEST_LOOKED_THROUGH = 10_000
"""Reports, of which a page shows the last ones of one way."""

MOST_OF_A_DELIVERY = 50
"""Shown: a server that tells the same every hour must not make a page endless."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One report, as it is kept. `unmatched`: why nobody knows whose it is; "": it is of `delivery_id`."""

    key: str
    kind: str
    way: str
    delivery_id: int | None
    mailing_id: int | None
    address: str
    at: int | None
    code: int | None
    status: str
    words: str
    reporter: str
    is_transient: bool
    raw: bytes
    unmatched: str = ""
    is_open: bool = False
    taken_at: int | None = None
    taken_with: str | None = None


def fact_columns(raw_octets: int) -> list[ColumnElement[Any]]:
    """`raw_octets`: so much of what it was read from, at most."""
    beginning = func.substr(reports.c.raw, 1, raw_octets, type_=LargeBinary())
    return [beginning if name == "raw" else reports.c[name] for name in Fact.__slots__]


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A report as people see it: `moment`: when it happened, as far as it says."""

    id: int
    fact: Fact
    received_at: datetime

    @property
    def raw_text(self) -> str:
        """What it was read from, as text that may be shown."""
        text = self.fact.raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return "".join(one if one.isprintable() or one in "\n\t" else " " for one in text)

    @property
    def moment(self) -> datetime:
        return self.received_at if self.fact.at is None else from_millis(self.fact.at)


def known(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[int | None, str]]:
    """Of these keys those that were noted before: the delivery, or why there is none."""
    columns = (reports.c.key, reports.c.delivery_id, reports.c.unmatched)
    rows = connection.execute(select(*columns).where(reports.c.key.in_(sorted(set(keys)))))
    return {row.key: (row.delivery_id, row.unmatched) for row in rows}


def said_of(connection: Connection, delivery_ids: Collection[int]) -> Counter[tuple[int, str]]:
    """How often what kind is told of each of these deliveries."""
    if not delivery_ids:
        return Counter()
    of = (reports.c.delivery_id, reports.c.kind)
    rows = connection.execute(select(*of, func.count()).where(of[0].in_(sorted(delivery_ids))).group_by(*of))
    return Counter({(row[0], row[1]): row[2] for row in rows})


def note(connection: Connection, facts: Sequence[Fact]) -> set[str]:
    """Keeps those that nobody else has noted meanwhile: their keys."""
    now = clock.now(connection)
    rows = [{**asdict(fact), "received_at": now} for fact in sorted(facts, key=lambda one: one.key)]
    return set(insert_new(connection, reports, rows, reports.c.key))


def first_said(connection: Connection, keys: Iterable[str]) -> list[str]:
    """Of these those that say what no earlier one says of its delivery."""
    earlier = reports.alias()
    same = (earlier.c.delivery_id == reports.c.delivery_id) & (earlier.c.kind == reports.c.kind)
    said = select(earlier.c.id).where(same, earlier.c.id < reports.c.id).exists()
    return list(
        connection.execute(select(reports.c.key).where(reports.c.key.in_(sorted(keys)), ~said)).scalars()
    )


def forget_unmatched(connection: Connection) -> None:
    """Those that are too old, or too many."""
    newest = select(reports.c.id).where(IS_UNMATCHED).order_by(reports.c.id.desc())
    too_many = newest.offset(UNMATCHED_KEPT).limit(1).scalar_subquery()
    too_old = reports.c.received_at < now_millis() - UNMATCHED_KEPT_MS
    connection.execute(delete(reports).where(IS_UNMATCHED, (reports.c.id <= too_many) | too_old))


def keep_taken(connection: Connection, keys: Iterable[str]) -> None:
    """Beside what came back: when its relay had taken it, and in which words, before the delivery forgets."""
    of = deliveries.c.id == reports.c.delivery_id
    words = func.coalesce(cast(deliveries.c.code, Text).concat(" "), "").concat(
        func.coalesce(deliveries.c.reply, "")
    )
    values = {
        "taken_at": select(deliveries.c.updated_at).where(of).scalar_subquery(),
        "taken_with": select(words).where(of).scalar_subquery(),
    }
    connection.execute(update(reports).where(reports.c.key.in_(sorted(keys))).values(values))


def of_delivery(connection: Connection, delivery_id: int) -> list[KnownFact]:
    """Oldest first."""
    statement = _told(SHOWN_OCTETS).where(reports.c.delivery_id == delivery_id).order_by(reports.c.id)
    return [_one(row) for row in connection.execute(statement.limit(MOST_OF_A_DELIVERY))]


def of_mailing(
    connection: Connection, mailing_id: int, before_id: int | None = None, limit: int = 100
) -> list[KnownFact]:
    """The newest first."""
    owner = Owner(reports.c.mailing_id, mailing_id)
    return _newest(connection, before_id, limit, 0, owner=owner)


def came_back_for_now(connection: Connection, delivery_id: int) -> bool:
    """Whether the report that a mail came back by says that it may be otherwise next time."""
    first = select(reports.c.is_transient).where(
        reports.c.delivery_id == delivery_id, reports.c.taken_at.is_not(None)
    )
    return bool(connection.execute(first.order_by(reports.c.id).limit(1)).scalar())


def unmatched(connection: Connection, before_id: int | None = None, limit: int = 100) -> list[KnownFact]:
    """The newest first."""
    return _newest(connection, before_id, limit, LISTED_OCTETS, IS_UNMATCHED)


def _newest(
    connection: Connection,
    before_id: int | None,
    limit: int,
    raw_octets: int,
    which: TextClause | None = None,
    owner: Owner | None = None,
) -> list[KnownFact]:
    told = _told(raw_octets)
    told = told if which is None else told.where(which)
    found = newest_first(connection, told, reports.c.id, limit=limit, older_than=before_id, owner=owner)
    return [_one(row) for row in found]


def count_unmatched(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(reports).where(IS_UNMATCHED)).scalar_one())


def latest_of_way(connection: Connection, way: str, limit: int) -> list[KnownFact]:
    """The newest first, of the LATEST_LOOKED_THROUGH that came last."""
    newest = select(reports.c.id).order_by(reports.c.id.desc()).limit(1).scalar_subquery()
    statement = _told(0).where(reports.c.id > newest - LATEST_LOOKED_THROUGH, reports.c.way == way)
    rows = connection.execute(statement.order_by(reports.c.id.desc()).limit(limit))
    return [_one(row) for row in rows]


FIND_OPEN_ONES = Statement(
    select(*fact_columns(0))
    .where(
        IS_OPEN,
        select(deliveries.c.id)
        .where(deliveries.c.id == reports.c.delivery_id, deliveries.c.state != State.SENDING)
        .exists(),
    )
    .order_by(reports.c.id)
    .limit(bindparam("at_most", type_=BigInteger))
)


def open_ones(connection: Connection, most: int = 200) -> list[Fact]:
    """Those that came while their mail was being handed over, and that is over now."""
    return [Fact(*row) for row in FIND_OPEN_ONES.all(connection, at_most=most)]


def close(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Nothing more is to follow from these; those that nobody else has closed meanwhile."""
    closed = update(reports).where(IS_OPEN, reports.c.key.in_(sorted(keys))).values(is_open=False)
    return set(connection.execute(closed.returning(reports.c.key)).scalars())


def _told(raw_octets: int) -> Select[Any]:
    return select(reports.c.id, reports.c.received_at, *fact_columns(raw_octets))


def _one(row: Any) -> KnownFact:
    id, received_at, *values = row
    return KnownFact(id, Fact(*values), from_millis(received_at))
