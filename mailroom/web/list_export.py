"""A kept list as CSV, streamed, safe against formulas; and a member as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from mailroom.content.lists.list_csv import cells_of, header_of
from mailroom.database.engine import Database
from mailroom.ledger.lists import members
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.members import Member
from mailroom.web.csv_export import EXPORTED_AT_ONCE, RowsRead, line, parts


def lines_of_list(
    database: Database, kept: KeptList, may_go_on: Callable[[Connection], object] = lambda connection: None
) -> Iterator[str]:
    """`may_go_on` is asked before each page: what it raises breaks the file off."""

    def read(connection: Connection, last: Member | None) -> RowsRead[Member]:
        may_go_on(connection)
        some = members.page_of_some(connection, kept.id, last.id if last else None, EXPORTED_AT_ONCE)
        return RowsRead(*some)

    yield line(header_of(kept.columns))
    for some in parts(database, read):
        yield "".join(line(row_of_one(kept, one)) for one in some)


def row_of_one(kept: KeptList, one: Member) -> tuple[str, ...]:
    fact = one.consent
    consent = (fact.given, fact.at, fact.how, fact.evidence) if fact else None
    return cells_of(one.address, one.name, one.variables, kept.columns, consent)


def as_imported(one: Member) -> dict[str, Any]:
    """As an import takes it."""
    fact, said = one.consent, None
    if fact is not None:
        said = {"given": fact.given, "at": fact.at.isoformat(), "how": fact.how, "evidence": fact.evidence}
    return {"address": one.address, "name": one.name, "variables": dict(one.variables), "consent": said}
