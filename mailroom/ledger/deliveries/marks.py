"""The mark before a final dot and the outcome after it: the promise, in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    String,
    Text,
    Update,
    and_,
    bindparam,
    case,
    column,
    false,
    func,
    insert,
    select,
    true,
    union_all,
)
from sqlalchemy.types import TypeEngine

from mailroom.database import planner
from mailroom.database.asking import PreparedStatement
from mailroom.database.clock import now_millis
from mailroom.database.raw import CHANGED, RETURNED, RawConnection
from mailroom.database.statement import Statement
from mailroom.ledger import moves, picking
from mailroom.ledger.batches.batches import Lease, held, owned
from mailroom.ledger.consent.scopes import stops_delivery
from mailroom.ledger.moves import Step, Try
from mailroom.ledger.schema import batches, deliveries, sessions
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.sweep.rounds import is_late

Given = Sequence[ColumnElement[Any]]
"""The fields of a HandOver or a Sent, of one or of many, as SQL."""

LIVED = {"deaths": 0, "deaths_alone": 0}
"""Whoever learned an outcome lived through the try: its mail is no suspect any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try that was no success.

    `due_in_ms`: when to try again; None: never. An unknown one only as the mailing's policy allows.
    """

    delivery_id: int
    state: State  # one of moves.OF_A_TRY
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


class HandOver(NamedTuple):
    """A delivery that a session is about to hand over. `dated_at`: the Date that it bears, if it had none
    before (milliseconds).
    """

    delivery_id: int
    session_id: int
    dated_at: int | None = None


class Sent(NamedTuple):
    """A delivery that the server took, with the code and the words of its reply."""

    delivery_id: int
    code: int
    reply: str


MARK_TYPES: tuple[TypeEngine[Any], ...] = (BigInteger(), BigInteger(), BigInteger())
SENT_TYPES: tuple[TypeEngine[Any], ...] = (BigInteger(), Integer(), Text())


def mark_statement(given: Given) -> Update:
    """Marks deliveries that may be handed over now, each or not. `given`: the fields of a HandOver.

    A lost lease, a mailing that is not active, a suppressed address stop a mail here,
    and only here. Once this is committed, the final dot may leave.
    """
    lease = select(batches.c.id).where(
        batches.c.id == bindparam("of_batch", type_=BigInteger),
        batches.c.epoch == bindparam("of_epoch", type_=Integer),
        batches.c.owner == bindparam("of_owner", type_=String),
        batches.c.lease_until > now_millis(),
    )
    # Asked of one mailing, and not looked for among all that are active.
    is_active = select(
        and_(
            mailings_table.c.state == MailingState.ACTIVE,
            mailings_table.c.expires_at > now_millis(),
            ~stops_delivery(),
        )
    ).where(mailings_table.c.id == deliveries.c.mailing_id)
    delivery_id, session_id, dated_at = given
    marked = moves.moved(
        moves.MARK,
        session_id=session_id,
        marked_at=now_millis(),
        dated_at=func.coalesce(deliveries.c.dated_at, dated_at),
        resends=deliveries.c.resends + case((deliveries.c.state == State.UNKNOWN, 1), else_=0),
    )
    return marked.where(
        deliveries.c.id == delivery_id,
        is_of_batch(),
        lease.exists(),
        is_active.scalar_subquery(),
    )


def sent_statement(given: Given) -> Update:
    """Records a 2xx after the dot. One whose delivery is not this batch's any more changes nothing.

    `given`: the fields of a Sent.
    """
    delivery_id, code, reply = given
    sent = moves.moved(
        moves.RECORD,
        attempts=deliveries.c.attempts + 1,
        code=code,
        reply=reply,
        updated_at=now_millis(),
    )
    return sent.where(deliveries.c.id == delivery_id, is_of_batch())


def is_of_batch() -> ColumnElement[bool]:
    """SQL: whether a delivery, which is found by its id, is in `of_batch`."""
    return planner.without_its_index(deliveries.c.batch_id) == bindparam("of_batch", type_=BigInteger)


def _parameters(kind: type[HandOver | Sent]) -> list[str]:
    return [f"{kind.__name__.lower()}_{name}" for name in kind._fields]  # not the names of columns


def one_of(kind: type[HandOver | Sent], types: Sequence[TypeEngine[Any]]) -> Given:
    """Its fields as parameters."""
    return [bindparam(name, type_=type_) for name, type_ in zip(_parameters(kind), types, strict=True)]


def many_of(kind: type[HandOver | Sent], types: Sequence[TypeEngine[Any]]) -> Given:
    """Its fields as columns: each parameter is a list, with a value for every row."""
    lists = [
        bindparam(name, type_=ARRAY(type_)) for name, type_ in zip(_parameters(kind), types, strict=True)
    ]
    columns = [column(name, type_) for name, type_ in zip(kind._fields, types, strict=True)]
    rows = func.unnest(*lists).table_valued(*columns, name="given").render_derived()
    return [rows.c[name] for name in kind._fields]


MARK_ONE = Statement(mark_statement(one_of(HandOver, MARK_TYPES)))
NOTE_ONE_SENT = Statement(sent_statement(one_of(Sent, SENT_TYPES)))
_NOTED = sent_statement(many_of(Sent, SENT_TYPES)).returning(deliveries.c.id).cte("noted")
_MARKED = mark_statement(many_of(HandOver, MARK_TYPES)).returning(deliveries.c.id).cte("marked")
# One statement, and so one transaction. Both see what was before it: no delivery can be in both.
_BOTH = union_all(select(false(), _NOTED.c.id), select(true(), _MARKED.c.id)).add_cte(_NOTED, _MARKED)
NOTE_SENT_AND_MARK = Statement(_BOTH)
ASK_SENT_AND_MARK = PreparedStatement("mailroom_sent_and_mark", _BOTH)


class LeaseWriter:
    """Marks and outcomes of one lease, written together. Belongs to the thread of its RawConnection."""

    def __init__(self, direct: RawConnection, lease: Lease) -> None:
        self._direct = direct
        of_lease = {"of_batch": lease.batch_id, "of_epoch": lease.epoch, "of_owner": lease.owner}
        names = _parameters(Sent), _parameters(HandOver)
        if direct.is_remote:
            self._both = NOTE_SENT_AND_MARK.bound(direct.engine, [*names[0], *names[1]], **of_lease)
            self._asked = ASK_SENT_AND_MARK.bound([*names[0], *names[1]], **of_lease)
        else:
            self._sent = NOTE_ONE_SENT.bound(direct.engine, names[0], of_batch=lease.batch_id)
            self._mark = MARK_ONE.bound(direct.engine, names[1], **of_lease)
            self._each_sent = NOTE_ONE_SENT.bound_each(direct.engine, names[0], of_batch=lease.batch_id)
            self._each_mark = MARK_ONE.bound_each(direct.engine, names[1], **of_lease)

    def write(self, sent: Sequence[Sent], asked: Sequence[HandOver]) -> tuple[list[bool], list[bool]]:
        """Records these, then sets these marks, in one transaction; which of them held.

        Raises DBAPIError: nothing was written then.
        """
        if self._direct.is_remote:
            return self._write_at_once(sent, asked)
        if self._direct.change_each([self._each_sent(sent), self._each_mark(asked)]):
            return [True] * len(sent), [True] * len(asked)
        statements = [self._sent(*one) for one in sent]
        statements += [self._mark(*one) for one in asked]
        held = [rows == 1 for rows in self._direct.run(statements, CHANGED)]
        return held[: len(sent)], held[len(sent) :]

    def _write_at_once(
        self, sent: Sequence[Sent], asked: Sequence[HandOver]
    ) -> tuple[list[bool], list[bool]]:
        both = self._both(*_columns(Sent, sent), *_columns(HandOver, asked))
        (rows,) = self._direct.run([both], RETURNED)
        self._direct.learn(ASK_SENT_AND_MARK)
        recorded = {id for is_mark, id in rows if not is_mark}
        return _held(sent, recorded), _held(asked, {id for is_mark, id in rows if is_mark})

    @property
    def may_ask(self) -> bool:
        """Whether `ask` is possible: once something was written, and while nobody else writes."""
        return self._direct.is_remote and self._direct.may_be_asked(ASK_SENT_AND_MARK)

    def ask(
        self,
        loop: asyncio.AbstractEventLoop,
        sent: Sequence[Sent],
        asked: Sequence[HandOver],
        heard: Callable[[list[bool], list[bool], Exception | None], None],
    ) -> None:
        """`write`, without waiting: `heard` is called in the loop, with what held, or the error.

        Raises ValueError for what cannot be asked so.
        """
        values = self._asked(*_columns(Sent, sent), *_columns(HandOver, asked))

        def known(result: Any, error: Exception | None) -> None:
            if error is not None:
                heard([], [], error)
            elif result.ntuples == len(sent) + len(asked):
                heard([True] * len(sent), [True] * len(asked), None)
            else:
                held: tuple[set[int], set[int]] = set(), set()
                for row in range(result.ntuples):
                    held[result.get_value(row, 0) == b"t"].add(int(result.get_value(row, 1)))
                heard(_held(sent, held[0]), _held(asked, held[1]), None)

        self._direct.ask(loop, ASK_SENT_AND_MARK, values, known)


def _held(rows: Sequence[HandOver | Sent], ids: set[int]) -> list[bool]:
    """Which of them changed its delivery: of two that would, the first."""
    held = []
    for row in rows:
        held.append(row.delivery_id in ids)
        ids.discard(row.delivery_id)
    return held


def _columns(kind: type[HandOver | Sent], rows: Sequence[HandOver | Sent]) -> list[list[Any]]:
    once = {row.delivery_id: row for row in reversed(rows)}  # of two that would be written, the first
    return [list(column) for column in zip(*once.values(), strict=True)] or [[] for _ in kind._fields]


def record_late(connection: Connection, delivery_id: int, code: int, reply: str) -> bool:
    """A 2xx that was recorded only after the batch was reaped: no second copy is needed.

    It holds for every `unknown` delivery, also one that is in a new batch by now. False:
    it is marked again already, or it was settled otherwise.
    """
    step = Step(moves.SENT_LATE, values={"code": code, "reply": reply})
    picked = picking.pick(connection, deliveries.c.id == delivery_id)
    return bool(moves.apply(connection, [(row, step) for row in picked]))


def record_troubles(connection: Connection, lease: Lease, troubles: Iterable[Outcome]) -> set[int]:
    """Writes every outcome but `sent`; which deliveries' could be written.

    Each leaves the batch at once: what is left in it at its close was not tried.
    """
    of = {outcome.delivery_id: outcome for outcome in troubles}
    mine = (deliveries.c.id.in_(of), select(batches.c.id).where(*owned(lease)).exists())
    picked = picking.pick(connection, *mine, of_batch=lease.batch_id)
    moved = moves.apply(connection, [(row, _step(of[row.id], lease.batch_id)) for row in picked])
    return {row.id for row in moved}


def spare(connection: Connection, lease: Lease, refused: Iterable[Outcome]) -> None:
    """Puts back what was refused because of us. It costs no attempt, and what was said is kept."""
    of = {outcome.delivery_id: outcome for outcome in refused}
    if not of:
        return
    mine = (deliveries.c.id.in_(of), select(batches.c.id).where(*owned(lease)).exists())
    steps = []
    for row in picking.pick(connection, *mine, of_batch=lease.batch_id):
        outcome = of[row.id]
        tried = Try(outcome.server, outcome.stage, outcome.code, outcome.reply, batch_id=lease.batch_id)
        steps.append((row, Step(moves.SPARE, outcome.due_in_ms, LIVED, tried)))
    moves.apply(connection, steps)


def _step(outcome: Outcome, batch_id: int) -> Step:
    return Step(
        moves.OF_A_TRY[outcome.state],
        outcome.due_in_ms,
        {"attempts": deliveries.c.attempts + int(outcome.is_attempt), **LIVED},
        Try(outcome.server, outcome.stage, outcome.code, outcome.reply, outcome.state, batch_id),
    )


@dataclass(frozen=True, slots=True)
class RefusedMark:
    """Why a mark was refused: suppressed, canceled, paused, expired or (lease) lost."""

    delivery_id: int
    why: str


def why_refused(connection: Connection, lease: Lease, delivery_ids: Collection[int]) -> list[RefusedMark]:
    """The reason for each delivery that `mark` left out."""
    held_still = connection.execute(select(batches.c.id).where(*held(lease))).one_or_none()
    if held_still is None:
        return [RefusedMark(delivery_id, "lost") for delivery_id in delivery_ids]
    rows = connection.execute(
        select(
            deliveries.c.id,
            deliveries.c.state,
            mailings_table.c.state,
            stops_delivery(),
            (mailings_table.c.expires_at <= now_millis()) & ~is_late(),  # the clock may have been set
        )
        .join(mailings_table, mailings_table.c.id == deliveries.c.mailing_id)
        .where(deliveries.c.id.in_(list(delivery_ids)), deliveries.c.batch_id == lease.batch_id)
    )
    found = {row[0]: _reason(*row[1:]) for row in rows}
    return [RefusedMark(delivery_id, found.get(delivery_id, "taken")) for delivery_id in delivery_ids]


def _reason(state: State, mailing_state: MailingState, listed: bool, over: bool) -> str:
    if state not in moves.MARK.before:
        return "taken"
    if listed:
        return State.SUPPRESSED
    if mailing_state is not MailingState.ACTIVE:
        return mailing_state
    return State.EXPIRED if over else "taken"
