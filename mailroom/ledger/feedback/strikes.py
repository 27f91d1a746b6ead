"""Strikes: an address that is gone is suppressed at once, one that may be so after some of them.

They are counted by address. Half a year without one forgives all; so does whoever takes the address off
the suppression list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, select

from mailroom.database.clock import now_millis
from mailroom.database.sql.upsert import Upsert
from mailroom.ledger import suppressions
from mailroom.ledger.schema import strikes

FORGIVEN_AFTER_MS = 180 * 86_400_000

BOUNCED_REASON = "bounced"


class Strike(NamedTuple):
    """What a mail to an address met. `is_gone`: there is no such address; else it counts."""

    address_key: str
    is_gone: bool
    evidence: str
    mailing_id: int
    delivery_id: int


def _counted(new: Any) -> Any:
    is_old = strikes.c.last_at < now_millis() - FORGIVEN_AFTER_MS
    row = new.values(address_key=bindparam("of_address"), number=1, last_at=now_millis())
    return row.on_conflict_do_update(
        index_elements=[strikes.c.address_key],
        set_={"number": case((is_old, 1), else_=strikes.c.number + 1), "last_at": now_millis()},
    )


COUNT_STRIKE = Upsert(strikes, _counted)


def strike(connection: Connection, met: Sequence[Strike], after: int) -> None:
    """`after`: so many that count suppress an address. Each stops all mail to it, from the next mark on."""
    rows = []
    for one in sorted(met):
        evidence = one.evidence
        if not one.is_gone:
            number = _count(connection, one.address_key)
            if number < after:
                continue
            evidence = f"{number} bounces; the last: {evidence}" if number > 1 else evidence
        rows.append(
            {
                "address_key": one.address_key,
                "sender": "",
                "list_name": "",
                "reason": BOUNCED_REASON,
                "note": "",
                "mailing_id": one.mailing_id,
                "delivery_id": one.delivery_id,
                "evidence": evidence,
            }
        )
    if rows:
        suppressions.add_rows(connection, rows)


def _count(connection: Connection, address_key: str) -> int:
    COUNT_STRIKE.run(connection, of_address=address_key)
    found = select(strikes.c.number).where(strikes.c.address_key == address_key)
    return int(connection.execute(found).scalar_one())
