"""Two ways in bring reports at the same moment: each is counted once, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from mailroom.engine.feedback.taking import Taken
from mailroom.feedback.report import Report, ReportKind
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.states import State
from tests.feedback.comes import FULL, GONE, Comes

WAYS = 4


def at_once(comes: Comes, given: list[list[Report]]) -> list[list[Taken]]:
    ready = Barrier(len(given))

    def take(some: list[Report]) -> list[Taken]:
        ready.wait()
        return comes.take(*some)

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(take, given))


def test_the_same_report_is_new_to_one_of_them(comes: Comes) -> None:
    ids = comes.sent(20)
    for id in ids[:5]:
        report = comes.report(id, **FULL)
        taken = [one for (one,) in at_once(comes, [[report]] * WAYS)]
        assert Counter(one.is_new for one in taken) == {True: 1, False: WAYS - 1}
        assert {one.delivery_id for one in taken} == {id}
    assert comes.number_kept() == 5


def test_reports_of_the_same_mails_in_any_order(comes: Comes) -> None:
    """With every row that they share: deliveries, mailings, suppressions."""
    ids = comes.sent(30) + comes.sent(30)
    kinds = (ReportKind.BOUNCED, ReportKind.COMPLAINED, ReportKind.DELIVERED, ReportKind.BOUNCED)
    given = [
        [comes.report(id, kind, **GONE) for id in ids[::step]]
        for kind, step in zip(kinds, (1, -1, 1, -1), strict=True)
    ]
    at_once(comes, given)
    assert comes.number_kept() == len(ids) * WAYS
    assert {comes.state(id) for id in ids} == {State.BOUNCED}
    assert len(comes.listed()) == 2 * 30, "30 addresses: bounced, and complained"


def test_a_batch_that_ends_meanwhile_is_counted_once(comes: Comes) -> None:
    """`check` counts the rows."""
    for _ in range(5):
        comes.book.accept(40)
        close_and_take_at_once(comes, comes.book.claim())
        comes.book.check()


def close_and_take_at_once(comes: Comes, lease: Lease) -> None:
    ids, ready = comes.book.inside(lease), Barrier(2)
    comes.book.send(lease, ids)
    given = [comes.report(id, **FULL) for id in ids[:20]]

    def close() -> bool:
        ready.wait()
        return comes.book.close(lease)

    def take() -> int:
        ready.wait()
        return len(comes.take(*given))

    with ThreadPoolExecutor(2) as pool:
        closed, taken = pool.submit(close), pool.submit(take)
        assert closed.result() and taken.result() == len(given)
