"""Picking deliveries before a move: locked by the transaction, and read as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, select, true, type_coerce

from mailroom.database.clock import NOW
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import State

IS_RESENT = ("resend", "evidence")
"""Policies by which an unknown delivery is sent once more: at once, or if nothing settles it in time."""


class Picked(NamedTuple):
    """A delivery that is locked by this transaction, as it is before a move."""

    id: int
    mailing_id: int
    state: State
    resends: int
    if_unknown: str
    is_counted: bool  # the counters of its mailing leave out what is in a batch
    now: int  # the ledger's clock
    expires_at: int  # its mailing's
    evidence_ms: int | None  # its mailing's: so long a doubt waits for evidence

    @property
    def is_in_doubt(self) -> bool:
        """It may have arrived, whatever becomes of the next try."""
        return self.state is State.UNKNOWN or self.resends > 0

    @property
    def may_be_resent(self) -> bool:
        """Unasked: once, by the mailing's policy."""
        return self.if_unknown in IS_RESENT and self.resends == 0


IS_IN_LIVE_BATCH = select(batches.c.id).where(batches.c.id == deliveries.c.batch_id).exists()
"""SQL: whether a delivery is in a batch that has not ended."""

OF_ITS_MAILING = mailings_table.c.id == deliveries.c.mailing_id
IF_UNKNOWN = select(mailings_table.c.if_unknown).where(OF_ITS_MAILING).correlate(deliveries).scalar_subquery()
EXPIRES_AT = (
    select(type_coerce(mailings_table.c.expires_at, BigInteger))
    .where(OF_ITS_MAILING)
    .correlate(deliveries)
    .scalar_subquery()
)
EVIDENCE_MS = (
    select(mailings_table.c.evidence_ms).where(OF_ITS_MAILING).correlate(deliveries).scalar_subquery()
)


def pick(
    connection: Connection,
    *where: ColumnElement[bool],
    of_batch: int | None = None,
    order_by: Sequence[ColumnElement[Any]] = (deliveries.c.id,),
    limit: int | None = None,
    skip_locked: bool = False,
) -> list[Picked]:
    """Locks these deliveries. `of_batch`: only those of a batch that is about to end, or ends just now."""
    is_counted = ~IS_IN_LIVE_BATCH if of_batch is None else ~true()
    if of_batch is not None:
        where = (deliveries.c.batch_id == of_batch, *where)
    names = ("id", "mailing_id", "state", "resends")
    chosen = (
        select(*(deliveries.c[name] for name in names), IF_UNKNOWN, is_counted, NOW, EXPIRES_AT, EVIDENCE_MS)
        .where(*where)
        .order_by(*order_by)
        .limit(limit)
        .with_for_update(skip_locked=skip_locked, of=deliveries)
    )
    return [Picked._make(row) for row in connection.execute(chosen)]
