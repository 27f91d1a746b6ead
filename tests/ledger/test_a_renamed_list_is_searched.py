"""Who unsubscribed is looked for on a list that gets another name; the list itself is not read."""

from __future__ import annotations

from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from tests.ledger.plans import plans_of


def test_its_members_are_not_gathered(sqlite_url: str) -> None:
    """Of a million that took two seconds, for which nobody else could write."""
    database = Database(sqlite_url)
    plans = plans_of(database, lambda connection: suppressions.carry_over(connection, 1, "before", "after"))
    database.dispose()
    for table, by in (("list_members", "(address_key=? AND list_id=?)"), ("mailings", "(rowid=?)")):
        lines = [line for _, plan in plans for line in plan.splitlines() if f" {table} " in f"{line} "]
        assert lines and all(line.startswith("SEARCH") and by in line for line in lines), plans
