"""The mark before a final dot and the outcome after it: the promise, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    String,
    Text,
    Update,
    bindparam,
    case,
    insert,
    or_,
    select,
    update,
)

from mailroom.database.clock import now_millis
from mailroom.database.statement import Statement
from mailroom.ledger import counts, mailings, states, webhooks
from mailroom.ledger.batches import Lease, held, owned
from mailroom.ledger.schema import attempts, batches, deliveries, sessions, suppressions
from mailroom.ledger.schema import mailings as mailings_table


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try that was no success. `due_in_ms`: when to try again; None: never."""

    delivery_id: int
    state: str  # deferred, failed, suppressed or unknown
    code: int | None
    reply: str
    server: str
    stage: str
    due_in_ms: int | None = None
    is_attempt: bool = True


def open_session(connection: Connection, worker: str, number: int, server: str) -> int:
    """Notes an open SMTP session and gives it an id."""
    values = {"worker": worker, "number": number, "server": server, "opened_at": now_millis()}
    return int(connection.execute(insert(sessions).values(values).returning(sessions.c.id)).scalar_one())


def mark_statement() -> Update:
    """Marks one delivery, if it may be handed over now: one row changes, or none.

    A lost lease, a mailing that is not active, a suppressed address stop a mail here,
    and only here. Once this is committed, the final dot may leave.
    """
    lease = select(batches.c.id).where(
        batches.c.id == bindparam("of_batch", type_=BigInteger),
        batches.c.epoch == bindparam("of_epoch", type_=Integer),
        batches.c.owner == bindparam("of_owner", type_=String),
        batches.c.lease_until > now_millis(),
    )
    active = select(mailings_table.c.id).where(
        mailings_table.c.id == deliveries.c.mailing_id,
        mailings_table.c.state == states.ACTIVE,
        mailings_table.c.expires_at > now_millis(),
    )
    listed = select(suppressions.c.address_key).where(suppressions.c.address_key == deliveries.c.address_key)
    waiting = [deliveries.c.state == state for state in states.WAITING]
    return (
        update(deliveries)
        .where(
            deliveries.c.id == bindparam("of_delivery", type_=BigInteger),
            deliveries.c.batch_id == bindparam("of_batch", type_=BigInteger),
            or_(*waiting),
            lease.exists(),
            active.exists(),
            ~listed.exists(),
        )
        .values(
            state=states.SENDING,
            session_id=bindparam("by_session", type_=BigInteger),
            marked_at=now_millis(),
            resends=deliveries.c.resends + case((deliveries.c.state == states.UNKNOWN, 1), else_=0),
        )
    )


def sent_statement() -> Update:
    """Records a 2xx after the dot. One whose delivery is not this batch's any more changes nothing."""
    return (
        update(deliveries)
        .where(
            deliveries.c.id == bindparam("of_delivery", type_=BigInteger),
            deliveries.c.batch_id == bindparam("of_batch", type_=BigInteger),
            deliveries.c.state == states.SENDING,
        )
        .values(
            state=states.SENT,
            attempts=deliveries.c.attempts + 1,
            code=bindparam("with_code", type_=Integer),
            reply=bindparam("with_reply", type_=Text),
            updated_at=now_millis(),
        )
    )


MARK, SENT = Statement(mark_statement()), Statement(sent_statement())


class Pen:
    """The two statements of every mail, for one worker's lease, as RawConnection.run takes them."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self.mark = MARK.bound(
            engine,
            ("by_session", "of_delivery"),
            of_batch=lease.batch_id,
            of_epoch=lease.epoch,
            of_owner=lease.owner,
        )
        """Takes the ids of a session and a delivery."""
        names = ("of_delivery", "with_code", "with_reply")
        self.sent = SENT.bound(engine, names, of_batch=lease.batch_id)
        """Takes a delivery's id, and the code and the words of the server's reply."""


def record_late(connection: Connection, delivery_id: int, code: int, reply: str) -> bool:
    """A 2xx that was recorded only after the batch was reaped: no second copy is needed.

    It holds for every `unknown` delivery, also one that is in a new batch by now. False:
    it is marked again already, or it was settled otherwise.
    """
    doubtful = (deliveries.c.id == delivery_id, deliveries.c.state == states.UNKNOWN)
    statement = select(deliveries.c.mailing_id).where(*doubtful).with_for_update()
    mailing_id = connection.execute(statement).scalar_one_or_none()
    if mailing_id is None:
        return False
    live = select(batches.c.id).where(batches.c.id == deliveries.c.batch_id).exists()
    row = connection.execute(
        update(deliveries)
        .where(*doubtful)
        .values(
            state=states.SENT,
            due_at=None,
            code=code,
            reply=reply,
            updated_at=now_millis(),
        )
        .returning(live)
    ).one()
    if not row[0]:  # a live batch is counted when it is closed
        counts.change(connection, {mailing_id: {states.UNKNOWN: -1, states.SENT: 1}})
        webhooks.note(connection, [delivery_id])
        mailings.finish(connection, [mailing_id])
    return True


def record_troubles(connection: Connection, lease: Lease, troubles: Iterable[Outcome]) -> None:
    """Writes every outcome but `sent`.

    Each leaves the batch at once: what is left in it at its close was not tried.
    """
    left: list[tuple[int, str]] = []
    written: list[int] = []
    for outcome in troubles:
        row = connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == outcome.delivery_id,
                deliveries.c.batch_id == lease.batch_id,
                deliveries.c.state.in_((states.SENDING, *states.WAITING)),
                select(batches.c.id).where(*owned(lease)).exists(),
            )
            .values(
                state=_never_back_from_unknown(outcome.state),
                batch_id=None,
                due_at=None if outcome.due_in_ms is None else now_millis() + outcome.due_in_ms,
                attempts=deliveries.c.attempts + int(outcome.is_attempt),
                code=outcome.code,
                reply=outcome.reply,
                updated_at=now_millis(),
            )
            .returning(deliveries.c.mailing_id, deliveries.c.state, deliveries.c.due_at)
        ).one_or_none()
        if row is None:
            continue
        _log(connection, outcome)
        left.append((row.mailing_id, row.state))
        written.append(outcome.delivery_id)
        if row.due_at is not None:
            mailings.look_again(connection, row.mailing_id, row.due_at)
    counts.change(connection, counts.tally(left))
    webhooks.note(connection, written)
    mailings.finish(connection, (mailing_id for mailing_id, _ in left))


def _never_back_from_unknown(state: str) -> Any:
    """Once unknown, a delivery may have arrived: a refused resend does not change that."""
    was_unknown = (deliveries.c.resends > 0) | (deliveries.c.state == states.UNKNOWN)
    return case((was_unknown, states.UNKNOWN), else_=state)


def _log(connection: Connection, outcome: Outcome) -> None:
    connection.execute(
        insert(attempts).values(
            delivery_id=outcome.delivery_id,
            at=now_millis(),
            server=outcome.server,
            stage=outcome.stage,
            outcome=outcome.state,
            code=outcome.code,
            reply=outcome.reply,
        )
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a mark was refused: suppressed, canceled, paused, expired or (lease) lost."""

    delivery_id: int
    why: str


def why_refused(connection: Connection, lease: Lease, delivery_ids: Collection[int]) -> list[Refusal]:
    """The reason for each delivery that `mark` left out."""
    held_still = connection.execute(select(batches.c.id).where(*held(lease))).one_or_none()
    if held_still is None:
        return [Refusal(delivery_id, "lost") for delivery_id in delivery_ids]
    rows = connection.execute(
        select(
            deliveries.c.id,
            deliveries.c.state,
            mailings_table.c.state,
            suppressions.c.address_key,
            mailings_table.c.expires_at <= now_millis(),
        )
        .join(mailings_table, mailings_table.c.id == deliveries.c.mailing_id)
        .outerjoin(suppressions, suppressions.c.address_key == deliveries.c.address_key)
        .where(deliveries.c.id.in_(list(delivery_ids)), deliveries.c.batch_id == lease.batch_id)
    )
    found = {row[0]: _reason(*row[1:]) for row in rows}
    return [Refusal(delivery_id, found.get(delivery_id, "taken")) for delivery_id in delivery_ids]


def _reason(state: str, mailing_state: str, listed: str | None, over: bool) -> str:
    if state not in states.WAITING:
        return "taken"
    if listed is not None:
        return states.SUPPRESSED
    if mailing_state != states.ACTIVE:
        return mailing_state
    return states.EXPIRED if over else "taken"
