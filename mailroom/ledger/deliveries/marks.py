"""The mark before a final dot and the 2xx after it: the promise, in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
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

from mailroom.database.clock import now_millis
from mailroom.database.connection.asking import PreparedStatement
from mailroom.database.connection.raw import CHANGED, RETURNED, RawConnection
from mailroom.database.sql import planner
from mailroom.database.statement import Statement
from mailroom.ledger import moves
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.consent.scopes import stops_delivery
from mailroom.ledger.schema import batches, deliveries, sessions
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import MailingState, State

Given = Sequence[ColumnElement[Any]]
"""The fields of a HandOver or a Sent, of one or of many, as SQL."""


NOTE_SESSION = Statement(
    insert(sessions).values(opened_at=now_millis()).returning(sessions.c.id), ("worker", "number", "server")
)


def open_sessions(
    connection: Connection, worker: str, numbers: Iterable[int], server: str
) -> Callable[[], list[int]]:
    """Notes open SMTP sessions by their numbers and gives each an id, to be had from what it returns."""
    of = {"worker": worker, "server": server}
    found = [NOTE_SESSION.later(connection, number=number, **of) for number in numbers]
    return lambda: [int(rows()[0][0]) for rows in found]


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
