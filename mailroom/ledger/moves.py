"""The state machine: the table of every move of a delivery, and the one door that each goes through.

No other module writes a delivery's state (acceptance inserts it, and asks here which). A move is
made in three steps: picking.py locks and reads deliveries, `apply` moves those that the table allows,
and what follows from it (counters, the log of tries, webhooks, when to look again, whether the
mailing has ended) is written once for all of them. The two statements of every mail, the mark and
its 2xx, are run near the driver; `moved` makes them from the same table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Update, insert, null, or_, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.any_of import any_of
from mailroom.ledger.mailings import counters, lifecycle
from mailroom.ledger.picking import Picked
from mailroom.ledger.schema import attempts, deliveries
from mailroom.ledger.states import WAITING, State
from mailroom.ledger.webhooks import webhook_events


class Move(NamedTuple):
    """One way a delivery may change its state, and who writes it in which transaction."""

    before: tuple[State, ...]
    after: State
    name: str
    who: str
    when: str
    in_doubt: Move | None = None
    """What becomes of one that may have arrived before: once unknown, it never ends as unsent."""

    @property
    def goes_on(self) -> bool:
        """Whether it is to be sent after this."""
        return self.after.about.waits


_Q, _S, _D, _U = State.QUEUED, State.SENDING, State.DEFERRED, State.UNKNOWN
_OWNER, _SWEEPER, _PERSON = "the batch's owner", "the sweeper", "a person"
_REPORT = "a report"

ACCEPT = Move((), State.QUEUED, "accept", "the web process", "acceptance")
SUPPRESS = Move(
    (), State.SUPPRESSED, "suppress", "the web process", "acceptance, when the address is on the list"
)
MARK = Move(WAITING, State.SENDING, "mark", _OWNER, "before the final dot")
RECORD = Move((_S,), State.SENT, "record", _OWNER, "the server answered 2xx")
DOUBT = Move((_S, _U), State.UNKNOWN, "record", _OWNER, "no answer after the dot, or a refused resend")
DEFER = Move((_S, _Q, _D), State.DEFERRED, "record", _OWNER, "4xx, or no answer before the dot", DOUBT)
FAIL = Move((_S, _Q, _D), State.FAILED, "record", _OWNER, "5xx on this recipient", DOUBT)
SPARE = Move(
    (_S, _Q, _D), State.QUEUED, "spare", _OWNER, "a refusal about us, not about this recipient", DOUBT
)
SENT_LATE = Move(
    (_U,), State.SENT, "record", "the batch's former owner", "the server's 2xx is recorded after the reap"
)
REAP = Move((_S,), State.UNKNOWN, "reap", _SWEEPER, "a batch's lease ran out")
KEEP = Move((_U,), State.UNKNOWN, "keep", _SWEEPER, "its mailing is over, or three workers died during it")
GIVE_UP = Move((_Q, _D), State.FAILED, "reap", _SWEEPER, "three workers died during it", KEEP)
REFUSE = Move((_Q, _D), State.SUPPRESSED, "refuse", _OWNER, "a mark found the address on the list", DOUBT)
STOP = Move((_Q, _D), State.CANCELED, "cancel", _SWEEPER, "the mailing is canceled", KEEP)
EXPIRE = Move((_Q, _D), State.EXPIRED, "expire", _SWEEPER, "the mailing's time is over", KEEP)
CANCEL = Move((_Q, _D), State.CANCELED, "cancel", _PERSON, "the delivery is canceled")
RETRY = Move(
    (State.FAILED, State.CANCELED, State.EXPIRED, State.SUPPRESSED, State.DEFERRED),
    State.QUEUED,
    "retry",
    _PERSON,
    "asked for on a page",
)
CONFIRM = Move((_U,), State.SENT, "confirm", _PERSON, '"it arrived"')
RESEND = Move((_U,), State.UNKNOWN, "resend", _PERSON, '"send again"')
BOUNCE = Move((State.SENT, _U), State.BOUNCED, "bounce", _REPORT, "it came back")
PROVE = Move((_U,), State.SENT, "prove", _REPORT, "a server's own word says that it was taken")
RECONCILE = Move(
    (_Q, _S, _D, State.FAILED, State.CANCELED, State.EXPIRED, State.SUPPRESSED),
    State.SENT,
    "reconcile",
    "flask reconcile",
    "the relay's record proves that it was taken, after the backup that this ledger is",
)

MOVES = (
    *(ACCEPT, SUPPRESS, MARK, RECORD, DEFER, FAIL, DOUBT, SPARE, SENT_LATE, REAP, GIVE_UP, KEEP, REFUSE),
    *(STOP, EXPIRE, RETRY, CONFIRM, RESEND, CANCEL, BOUNCE, PROVE, RECONCILE),
)
OF_A_PERSON = [move for move in MOVES if move.who == _PERSON]
OF_A_TRY = {move.after: move for move in (DEFER, FAIL, REFUSE, DOUBT)}
"""By what became of the try; a 2xx has a statement of its own."""


def by_person(state: State) -> list[Move]:
    """What a person may do with a delivery that is in this state."""
    return [move for move in OF_A_PERSON if state in move.before]


def accepted(is_listed: bool) -> State:
    """The first state of a delivery."""
    return (SUPPRESS if is_listed else ACCEPT).after


def moved(move: Move, **values: Any) -> Update:
    """SQL: makes this move, with no delivery that is in another state. `values`: other columns."""
    allowed = or_(*(deliveries.c.state == state for state in move.before))
    trouble = _trouble(move, values.get("updated_at"))
    return update(deliveries).where(allowed).values(state=move.after, **trouble, **values)


def _trouble(move: Move, at: Any) -> dict[str, Any]:
    """What people find it by: nothing where both states are usual, and no index is to change."""
    if not move.after.about.is_usual:
        assert at is not None, "since when"
        return {"trouble": move.after, "troubled_at": at}
    was_usual = all(state.about.is_usual for state in move.before)
    return {} if was_usual else {"trouble": null(), "troubled_at": null()}


def may_make(move: Move) -> ColumnElement[bool]:
    """SQL: whether a delivery is in a state that this move, or the one in doubt, begins with."""
    before = {*move.before, *(move.in_doubt.before if move.in_doubt else ())}
    return deliveries.c.state.in_(sorted(before))


class Try(NamedTuple):
    """A row of the log of tries. `outcome`: what the server's answer meant; None: the state after it."""

    server: str
    stage: str
    code: int | None
    reply: str
    outcome: State | None = None
    batch_id: int | None = None


@dataclass(frozen=True)
class Step:
    """A move to be made. `due_in_ms`: when it is to be sent next; None: never.

    What was `tried` leaves its code and words on the delivery too.
    """

    move: Move
    due_in_ms: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)  # of other columns
    tried: Try | None = None

    @property
    def all_values(self) -> Mapping[str, Any]:
        said = {} if self.tried is None else {"code": self.tried.code, "reply": self.tried.reply}
        return {**said, **self.values}


class _Moved(NamedTuple):
    row: Picked
    step: Step
    move: Move  # by which it went
    due_at: int | None


def apply(connection: Connection, steps: Iterable[tuple[Picked, Step]]) -> list[Picked]:
    """Moves each delivery by its step if the table has such a move, and leaves the others alone.

    Whoever is moved leaves its batch. The deliveries as they were before.
    """
    made = [one for one in (_by_the_table(row, step) for row, step in steps) if one is not None]
    same: dict[tuple[int, Move, int | None], list[_Moved]] = defaultdict(list)
    for one in made:
        same[id(one.step), one.move, one.due_at].append(one)
    for (_, move, due_at), together in same.items():
        values = together[0].step.all_values
        changed = moved(move, batch_id=None, due_at=due_at, updated_at=now_millis(), **values)
        chosen = {"chosen": [one.row.id for one in together]}
        pipeline.do(connection, changed.where(any_of(deliveries.c.id, "chosen")), chosen)
    _follow(connection, made)
    return [one.row for one in made]


def _by_the_table(row: Picked, step: Step) -> _Moved | None:
    move = step.move
    assert move is not MARK, "it is set inside a batch, near the driver"
    if row.is_in_doubt and move.in_doubt is not None:
        move = move.in_doubt
    if row.state not in move.before:
        return None
    is_new_doubt = row.state is State.SENDING and step.move.after is State.UNKNOWN
    if step.due_in_ms is None or (is_new_doubt and not row.may_be_resent):
        return _Moved(row, step, move, None)
    due_at = row.now + max(step.due_in_ms, (row.evidence_ms or 0) if is_new_doubt else 0)
    if step.move is DEFER:  # at its mailing's end at the latest: there the sweeper lets it expire
        due_at = min(due_at, max(row.now, row.expires_at))
    return _Moved(row, step, move, due_at)


def _follow(connection: Connection, made: Sequence[_Moved]) -> None:
    """What follows from moves, in the same transaction."""
    _log(connection, [one for one in made if one.step.tried is not None])
    changes = counters.tally(
        ((one.row.mailing_id, one.row.state) for one in made if one.row.is_counted), sign=-1
    )
    due: dict[int, int] = {}
    for row, _, move, due_at in made:
        changes[row.mailing_id][move.after] += 1
        if due_at is not None:
            due[row.mailing_id] = min(due_at, due.get(row.mailing_id, due_at))
    told = [one.row.id for one in made if one.step.tried is not None or one.move.after is not one.row.state]
    webhook_events.note(connection, told)
    settle(connection, changes, due)


def settle(connection: Connection, changes: counters.Changes, due: Mapping[int, int]) -> None:
    """Counters, when to look at the mailings again (milliseconds), and whether they have ended."""
    counters.change(connection, changes)
    for mailing_id, due_at in sorted(due.items()):
        lifecycle.look_again(connection, mailing_id, due_at)
    lifecycle.finish(connection, changes)


def _log(connection: Connection, tried: Sequence[_Moved]) -> None:
    rows = []
    for row, step, move, _ in tried:
        assert step.tried is not None
        outcome = step.tried.outcome or move.after
        rows.append({"delivery_id": row.id, **step.tried._asdict(), "outcome": outcome})
    if rows:
        connection.execute(insert(attempts).values(at=now_millis()), rows)
