"""What a worker that died or stopped for too long leaves behind, and how it comes back."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, insert, select, update

from mailroom.database.clock import now_millis
from mailroom.ledger import batches, counts, mailings, rounds, states, webhooks
from mailroom.ledger.schema import attempts, deliveries
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import mailings as mailings_table

MOST_DEATHS = 3
"""A delivery that three workers died of is not tried a fourth time."""

SUSPECTS = 10
"""A worker has few mails in hand at once: only the first unsent ones can have killed it."""


def expired(connection: Connection, most: int = 20) -> list[int]:
    """Ids of batches whose lease ran out."""
    statement = select(batches_table.c.id).where(batches_table.c.lease_until < now_millis())
    return list(connection.execute(statement.order_by(batches_table.c.id).limit(most)).scalars())


def reap(connection: Connection, batch_id: int) -> bool:
    """Gives back what an expired batch held; False when its owner came back in time.

    What was `sending` becomes `unknown`: its final dot may have left. By the mailing's
    policy it is due once more, or stays for a person to decide.
    """
    gone = delete(batches_table).where(
        batches_table.c.id == batch_id,
        batches_table.c.lease_until < now_millis(),
        # Looked at in the very statement: before it we may have stood still for an hour.
        ~rounds.is_late(),
    )
    row = connection.execute(gone.returning(batches_table.c.owner)).one_or_none()
    if row is None:
        return False
    _wait_for_the_last_writes(connection, batch_id)
    _doubt_what_was_sending(connection, batch_id, row.owner)
    _suspect_the_first(connection, batch_id, row.owner)
    batches.give_back(connection, batch_id)
    return True


def _wait_for_the_last_writes(connection: Connection, batch_id: int) -> None:
    """A mark that was set while the lease still ran may be committed only now (PostgreSQL)."""
    held = select(deliveries.c.id).where(deliveries.c.batch_id == batch_id)
    connection.execute(held.order_by(deliveries.c.id).with_for_update()).all()


def _doubt_what_was_sending(connection: Connection, batch_id: int, owner: str) -> None:
    resend = select(mailings_table.c.if_unknown).where(mailings_table.c.id == deliveries.c.mailing_id)
    again = (resend.scalar_subquery() == "resend") & (deliveries.c.resends == 0)
    doubtful = connection.execute(
        update(deliveries)
        .where(deliveries.c.batch_id == batch_id, deliveries.c.state == states.SENDING)
        .values(
            state=states.UNKNOWN,
            batch_id=None,
            due_at=case((again, now_millis()), else_=None),
            attempts=deliveries.c.attempts + 1,
            deaths=deliveries.c.deaths + 1,
            code=None,
            reply=_epitaph(owner),
            updated_at=now_millis(),
        )
        .returning(deliveries.c.id, deliveries.c.mailing_id, deliveries.c.due_at)
    ).all()
    _log(connection, [row.id for row in doubtful], states.UNKNOWN, "dot", _epitaph(owner))
    counts.change(connection, counts.tally((row.mailing_id, states.UNKNOWN) for row in doubtful))
    webhooks.note(connection, [row.id for row in doubtful])
    for row in doubtful:
        if row.due_at is not None:
            mailings.look_again(connection, row.mailing_id, row.due_at)
    mailings.finish(connection, (row.mailing_id for row in doubtful))


def _suspect_the_first(connection: Connection, batch_id: int, owner: str) -> None:
    waiting = (deliveries.c.batch_id == batch_id, deliveries.c.state.in_(states.WAITING))
    first = select(deliveries.c.id).where(*waiting).order_by(deliveries.c.id).limit(SUSPECTS)
    suspects = list(connection.execute(first).scalars())
    if not suspects:
        return
    connection.execute(
        update(deliveries).where(deliveries.c.id.in_(suspects)).values(deaths=deliveries.c.deaths + 1)
    )
    words = f"{MOST_DEATHS} workers died while they worked on this mail; the last was {owner}"
    given_up = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(suspects), deliveries.c.deaths >= MOST_DEATHS)
        .values(
            state=case((deliveries.c.state == states.UNKNOWN, states.UNKNOWN), else_=states.FAILED),
            batch_id=None,
            code=None,
            reply=words,
            updated_at=now_millis(),
        )
        .returning(deliveries.c.id, deliveries.c.mailing_id, deliveries.c.state)
    ).all()
    for state in (states.FAILED, states.UNKNOWN):
        _log(connection, [row.id for row in given_up if row.state == state], state, "data", words)
    counts.change(connection, counts.tally((row.mailing_id, row.state) for row in given_up))
    webhooks.note(connection, [row.id for row in given_up])
    mailings.finish(connection, (row.mailing_id for row in given_up))


def _epitaph(owner: str) -> str:
    return f"the worker {owner} died before it could note the server's answer"


def _log(connection: Connection, delivery_ids: list[int], outcome: str, stage: str, words: str) -> None:
    if delivery_ids:
        same = {"server": "", "stage": stage, "outcome": outcome, "code": None, "reply": words}
        rows = [{"delivery_id": delivery_id, **same} for delivery_id in delivery_ids]
        connection.execute(insert(attempts).values(at=now_millis()), rows)
