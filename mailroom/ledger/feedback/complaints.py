"""Complaints: a recipient called a mail spam. Noted beside its state, and once of each delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, update

from mailroom.database.clock import now_millis
from mailroom.ledger.schema import deliveries, mailings


def note(connection: Connection, delivery_ids: Iterable[int]) -> set[int]:
    """Those of these deliveries of which it is new; they are counted by their mailings."""
    chosen = sorted(set(delivery_ids))
    if not chosen:
        return set()
    noted = (
        update(deliveries)
        .where(deliveries.c.id.in_(chosen), deliveries.c.complained_at.is_(None))
        .values(complained_at=now_millis())
        .returning(deliveries.c.id, deliveries.c.mailing_id)
    )
    new = connection.execute(noted).all()
    for mailing_id, number in sorted(Counter(row.mailing_id for row in new).items()):
        counted = update(mailings).where(mailings.c.id == mailing_id)
        connection.execute(counted.values(complained=mailings.c.complained + number))
    return {row.id for row in new}
