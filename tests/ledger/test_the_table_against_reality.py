"""Every move with a delivery in every state, on both databases: what the table allows happens, and is
counted; anything else changes nothing.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from sqlalchemy import select, update

from mailroom.ledger import moves, picking
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import actions, marks
from mailroom.ledger.deliveries.marks import Sent
from mailroom.ledger.moves import MOVES, OF_A_TRY, Move, Step
from mailroom.ledger.schema import attempts, deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import COUNTED, State
from tests.ledger.book import Book

STEPS = [move for move in MOVES if move.before and move is not moves.MARK]
CASES = [
    (state, live, resends)
    for state, live, resends in product(State, (True, False), (0, 1))
    # `sending` exists only inside a live batch, and a resend only of what was unknown.
    if (live or state != State.SENDING)
    and (resends == 0 or state in (State.UNKNOWN, State.SENDING, State.SENT))
]


def put(book: Book, state: State, *, live: bool, resends: int = 0, **options: Any) -> tuple[int, Lease]:
    """A mailing's only delivery in this state, in a claimed batch or out of any; its counters fit."""
    mailing_id = book.accept([f"{state}@mail.example"], **options)
    lease = book.claim()
    (delivery_id,) = book.inside(lease)
    if not live:
        book.close(lease)
    counters = {one: int(one == state and not live) for one in COUNTED}
    trouble = {} if state.about.is_usual else {"trouble": state, "troubled_at": deliveries.c.updated_at}
    values = {"state": state, "resends": resends, "due_at": None, **trouble}
    with book.database.begin() as connection:
        connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))
        of = update(mailings_table).where(mailings_table.c.id == mailing_id)
        connection.execute(of.values(counters | {"next_due_at": None}))
    book.check()
    return delivery_id, lease


def made(move: Move, state: State, resends: int = 0) -> Move | None:
    """The row of the table by which it goes; None: there is none."""
    in_doubt = state == State.UNKNOWN or resends > 0
    row = move.in_doubt if in_doubt and move.in_doubt else move
    return row if state in row.before else None


def after(move: Move, state: State, resends: int = 0) -> State:
    row = made(move, state, resends)
    return state if row is None else row.after


def is_moved(book: Book, delivery_id: int, step: Step, of_batch: int | None) -> bool:
    with book.database.begin() as connection:
        picked = picking.pick(connection, deliveries.c.id == delivery_id, of_batch=of_batch)
        return bool(moves.apply(connection, [(row, step) for row in picked]))


@pytest.mark.parametrize("move", STEPS, ids=lambda move: f"{move.name}-{move.after}-by-{move.who}")
def test_a_move_happens_as_the_table_says_or_not_at_all(book: Book, move: Move) -> None:
    for state, live, resends in CASES:
        delivery_id, lease = put(book, state, live=live, resends=resends)
        before = book.delivery(delivery_id)
        moved = is_moved(book, delivery_id, Step(move), lease.batch_id if live else None)
        row, told = book.delivery(delivery_id), f"{move.name} of {state}, live {live}, {resends} resends"
        assert moved == (made(move, state, resends) is not None), told
        assert (row.state == after(move, state, resends) and row.batch_id is None) if moved else row == before
        came_back = {State.BOUNCED} if move is moves.BOUNCE else set()
        if state == State.SENT:
            assert row.state in {State.SENT, *came_back}, told
        if state == State.UNKNOWN or resends:
            assert row.state in {state, State.UNKNOWN, State.SENT, *came_back}, told
        book.check()


@pytest.mark.parametrize("outcome", OF_A_TRY)
def test_an_outcome_is_recorded_as_the_table_says_or_not_at_all(book: Book, outcome: State) -> None:
    for state, resends in [(state, resends) for state, live, resends in CASES if live]:
        delivery_id, lease = put(book, state, live=True, resends=resends)
        before = book.delivery(delivery_id)
        book.trouble(lease, delivery_id, outcome)
        row = book.delivery(delivery_id)
        assert row.state == after(OF_A_TRY[outcome], state, resends), f"{outcome} of {state}, {resends}"
        with book.database.read() as connection:
            tried = connection.execute(select(attempts).where(attempts.c.delivery_id == delivery_id)).all()
        if row.batch_id is not None:
            assert (row, tried) == (before, [])
        else:
            assert [one.outcome for one in tried] == [outcome]
            assert row.attempts == 1
        book.check()


def test_a_mark_and_its_2xx_are_set_as_the_table_says_or_not_at_all(book: Book) -> None:
    for state, resends in [(state, resends) for state, live, resends in CASES if live]:
        delivery_id, lease = put(book, state, live=True, resends=resends)
        before = book.delivery(delivery_id)
        assert (book.mark(lease, delivery_id) == "") == (state in moves.MARK.before), state
        row = book.delivery(delivery_id)
        assert row.state == after(moves.MARK, state), state
        if state in moves.MARK.before:
            assert row.resends == resends + (state == State.UNKNOWN)
        else:
            assert row == before
        direct = book.database.direct()
        (sent,), _ = marks.LeaseWriter(direct, lease).write([Sent(delivery_id, 250, "2.0.0 Ok")], [])
        direct.close()
        assert sent == (row.state in moves.RECORD.before)
        assert book.delivery(delivery_id).state == after(moves.RECORD, row.state)
        book.check()


@pytest.mark.parametrize("move", moves.OF_A_PERSON, ids=lambda move: move.name)
def test_a_person_may_do_what_the_table_says_and_no_more(book: Book, move: Move) -> None:
    """What is to be sent again must not be in the hands of a worker; what ends may be taken from it."""
    for state, live in [(state, live) for state, live, resends in CASES if not resends]:
        delivery_id, _ = put(book, state, live=live)
        before = book.delivery(delivery_id)
        with book.database.begin() as connection:
            changed = actions.change(connection, delivery_id, move)
        row = book.delivery(delivery_id)
        assert changed == (move in moves.by_person(state) and not (live and move.goes_on)), f"{state} {live}"
        assert (row.state == move.after and row.batch_id is None) if changed else (row == before)
        assert (row.due_at is not None) == (changed and move.goes_on)
        book.check()


@pytest.mark.parametrize("ends", [State.CANCELED, State.EXPIRED])
def test_what_waits_of_a_mailing_that_is_over_ends_so_but_for_what_may_have_arrived(
    book: Book, ends: State
) -> None:
    for state in (State.QUEUED, State.DEFERRED, State.UNKNOWN):
        delivery_id, _ = put(book, state, live=False)
        mailing_id = book.delivery(delivery_id).mailing_id
        with book.database.begin() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(due_at=1))
            if ends == State.CANCELED:
                canceled = update(mailings_table).where(mailings_table.c.id == mailing_id)
                connection.execute(canceled.values(state="canceled"))
            assert actions.end_due(connection, mailing_id, ends) == 1
        row = book.delivery(delivery_id)
        assert (row.state, row.due_at) == (State.UNKNOWN if state == State.UNKNOWN else ends, None)
        assert book.mailing(mailing_id).ended_at is not None
        book.check()


@pytest.mark.parametrize("move", [moves.REAP, moves.DOUBT], ids=lambda move: move.name)
def test_in_doubt_it_is_sent_once_more_by_the_policy_and_only_once(book: Book, move: Move) -> None:
    for policy, resends in product(("resend", "hold", "evidence"), (0, 1)):
        delivery_id, lease = put(book, State.SENDING, live=True, resends=resends, if_unknown=policy)
        assert is_moved(book, delivery_id, Step(move, due_in_ms=0), lease.batch_id)
        assert (book.delivery(delivery_id).due_at is not None) == (policy != "hold" and resends == 0)
        book.check()
