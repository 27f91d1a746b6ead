"""Recovery by a person: what workers learned of a server is forgotten, and it is tried at once."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from mailroom.database.clock import now_millis
from mailroom.database.sql.any_of import any_of
from mailroom.ledger import states
from mailroom.ledger.batches.waiting_deliveries import IS_SPARED
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.relays import circuit, rates
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table


def reset(connection: Connection, server: str) -> bool:
    """Ends its trouble, and the lower rate that it asked for. False: there was neither."""
    was_in_trouble = circuit.reset(connection, server)
    if was_in_trouble:
        _make_due(connection)
    return rates.reset(connection, server) or was_in_trouble


def _make_due(connection: Connection) -> None:
    """Those that were refused because of us, and would let others go first."""
    active = select(mailings_table.c.id).where(mailings_table.c.state == states.ACTIVE)
    waits = IS_SPARED & (deliveries.c.due_at > now_millis()) & deliveries.c.mailing_id.in_(active)
    found = connection.execute(select(deliveries.c.id, deliveries.c.mailing_id).where(waits)).all()
    if not found:
        return
    due = update(deliveries).where(any_of(deliveries.c.id, "chosen"), deliveries.c.due_at.is_not(None))
    connection.execute(due.values(due_at=now_millis()), {"chosen": [row.id for row in found]})
    now = connection.execute(select(func.max(now_millis()))).scalar_one()
    for mailing_id in sorted({row.mailing_id for row in found}):
        lifecycle.look_again(connection, mailing_id, now)
