"""Parking, the ledger's side: a batch keeps only what waits for a silent server, and gives up the rest."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, update

from mailroom.ledger.batches import batches, gather
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import State


def close_all_but(connection: Connection, lease: Lease, parked: Collection[int]) -> bool:
    """Ends the batch for all its deliveries but these, which stay under its lease.

    False: it was lost, or has ended meanwhile. The others are moved to a batch that ends at once, so
    there is one way in which a batch ends; done twice it changes nothing.
    """
    mine = update(batches_table).where(*batches.owned(lease)).values(size=len(parked))
    if connection.execute(mine).rowcount != 1:
        return False
    apart = gather.new(connection, 0, lease.queue, lease.route, lease.max_sessions)()
    others = update(deliveries).where(
        deliveries.c.batch_id == lease.batch_id,
        deliveries.c.state != State.SENDING,
        deliveries.c.id.not_in(list(parked)),
    )
    connection.execute(others.values(batch_id=apart.id))
    batches.give_back(connection, apart.id)
    connection.execute(delete(batches_table).where(batches_table.c.id == apart.id))
    return True
