"""The results of a mailing are what somebody finds who counts its deliveries one by one."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.database.time_limit import TookTooLong, time_limit
from mailroom.engine.results.domains import told_by_domain
from mailroom.engine.results.results import Results, results_of
from mailroom.ledger.deliveries.results import DomainCount, unsubscribed
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import reports, suppressions
from mailroom.ledger.states import SETTLED_STATES, State
from tests.ledger.plans import plans_of
from tests.web.watching import a_mailing, delivery_ids, note_attempts

BEGAN = 1_800_000_000_000
DOMAINS = ["one.example", "two.example", "three.example"]
REPLIES: dict[State, list[tuple[int | None, str]]] = {
    State.FAILED: [
        (550, "5.1.1 <{}>: User unknown"),
        (550, "5.1.1 {}: user unknown"),
        (554, "5.7.1 Spam {number}"),
    ],
    State.BOUNCED: [(552, "5.2.2 mailbox of {} is full")],
    State.DEFERRED: [(451, "4.7.1 Later, see https://x.example/{number}")],
    State.EXPIRED: [(None, "its time was over")],
    State.UNKNOWN: [(None, "")],
}


OK: list[tuple[int | None, str]] = [(250, "2.0.0 Ok {number}")]


def rounded(millis: int) -> int:
    """As it is told: three digits, and no more than whole milliseconds."""
    text = str(millis)
    return int(text[:3] + "0" * (len(text) - 3))


def some_deliveries(number: int) -> list[dict[str, Any]]:
    chance = random.Random(7)
    rows = []
    for at in range(number):
        state = chance.choice([*[State.SENT] * 6, *State])
        local = chance.choice([f"p{at}", f'"a@b{at}"', f"Ünï{at}"])
        dated = BEGAN + chance.randrange(3_000_000)
        code, words = chance.choice(REPLIES.get(state, OK))
        address = f"{local}@{chance.choice(DOMAINS)}"
        rows.append(
            {
                "address": address,
                "state": state,
                "attempts": chance.choice([1, 1, 1, 2, 5]),
                "code": code,
                "reply": words.format(address, number=at),
                "dated_at": dated,
                "updated_at": dated + chance.randrange(0, chance.choice([90, 5_000, 900_000])),
            }
        )
    return rows


def results(database: Database, mailing_id: int) -> Results:
    with database.read() as connection:
        mailing = mailings.get(connection, mailing_id)
        assert mailing is not None
        return results_of(connection, mailing)


def percentile(times: list[int], per_cent: int) -> int:
    return sorted(times)[-(-len(times) * per_cent // 100) - 1]


def test_as_somebody_who_counts_one_by_one(database: Database) -> None:
    rows = some_deliveries(300)
    mailing_id = a_mailing(database, *rows, started_at=from_millis(BEGAN))
    a_mailing(database, *some_deliveries(20))  # another one's are not counted
    first_tries = {}
    for id, row in zip(delivery_ids(database, mailing_id), rows, strict=True):
        if row["attempts"] == 5:
            first_tries[row["address"]] = at = row["dated_at"] - 60_000
            tried = {"outcome": State.DEFERRED, "code": 451, "reply": "Later", "stage": "rcpt"}
            note_attempts(database, id, [{"at": at, **tried}, {"at": at + 30_000, **tried}])

    found = results(database, mailing_id)

    assert found.domains.number == len(DOMAINS)
    assert sum(one.total for one in found.domains.largest) == 300
    all_times = []
    for one in found.domains.largest:
        own = [row for row in rows if row["address"].endswith(f"@{one.domain}")]
        assert one.counts == Counter(row["state"] for row in own)
        assert one.tries == sum(row["attempts"] for row in own)
        again = [row for row in own if row["attempts"] > 1 or row["state"] is State.DEFERRED]
        assert one.deferred == len(again)
        times = [
            rounded(row["updated_at"] - first_tries.get(row["address"], row["dated_at"]))
            for row in own
            if row["state"] is State.SENT
        ]
        assert one.took == (percentile(times, 50), percentile(times, 95))
        all_times += times
    assert found.domains.took == (percentile(all_times, 50), percentile(all_times, 95))
    p95s = [one.took.p95_ms for one in found.domains.slowest if one.took]
    assert p95s == sorted(p95s, reverse=True)
    sent = [row["updated_at"] for row in rows if row["state"] is State.SENT]
    assert (found.first_at, found.last_at) == (min(sent), max(sent))
    ended = Counter(row["state"] for row in rows if row["state"] in SETTLED_STATES)
    assert found.course[-1].counts == ended
    halfway = BEGAN + found.course[len(found.course) // 2].after_ms
    until = Counter(row["state"] for row in rows if BEGAN + rounded(row["updated_at"] - BEGAN) <= halfway)
    assert found.course[len(found.course) // 2].counts == {
        state: number for state, number in until.items() if state in SETTLED_STATES
    }


def test_replies_are_grouped_by_what_they_mean(database: Database) -> None:
    rows = some_deliveries(200)
    mailing_id = a_mailing(database, *rows)
    told = {(one.code, one.status, one.words): one for one in results(database, mailing_id).reasons.told}
    states = Counter(row["state"] for row in rows)
    unknown_user = [row for row in rows if row["state"] is State.FAILED and row["code"] == 550]
    assert told[550, "5.1.1", "user unknown"].number == len(unknown_user)
    assert told[554, "5.7.1", "spam"].counts == {State.FAILED: states[State.FAILED] - len(unknown_user)}
    assert told[552, "5.2.2", "mailbox of is full"].counts == {State.BOUNCED: states[State.BOUNCED]}
    assert told[451, "4.7.1", "later, see"].counts == {State.DEFERRED: states[State.DEFERRED]}
    at_one = sum(row["address"].endswith("@one.example") for row in unknown_user)
    assert told[550, "5.1.1", "user unknown"].domains["one.example"] == at_one
    assert len(told) == 6


def test_what_came_back_was_sent_until_then(database: Database) -> None:
    rows = [{"state": State.BOUNCED, "updated_at": BEGAN + 5_000}, {"state": State.SENT, "updated_at": BEGAN}]
    mailing_id = a_mailing(database, *rows, started_at=from_millis(BEGAN), complained=1)
    bounced, sent = delivery_ids(database, mailing_id)
    told = {"way": "pipe", "mailing_id": mailing_id, "address": "", "status": "", "words": "", "reporter": ""}
    told |= {"is_transient": False, "raw": b"", "unmatched": "", "is_open": False}
    facts = [
        {"key": "1", "kind": "bounced", "delivery_id": bounced, "taken_at": BEGAN + 1_000, "received_at": 1},
        {"key": "2", "kind": "complained", "delivery_id": sent, "received_at": BEGAN + 9_000},
        {"key": "3", "kind": "complained", "delivery_id": sent, "received_at": BEGAN + 9_500},
    ]
    with database.begin() as connection:
        for fact in facts:
            connection.execute(insert(reports).values({**told, **fact}))
        gone = {"address_key": "person2@example.org", "reason": "unsubscribed", "mailing_id": mailing_id}
        connection.execute(insert(suppressions).values(**gone, created_at=from_millis(BEGAN)))
        assert unsubscribed(connection, mailing_id) == 1 and unsubscribed(connection, mailing_id + 1) == 0
    found = results(database, mailing_id)
    assert [(step.after_ms, dict(step.counts)) for step in found.course] == [
        (0, {State.SENT: 1}),
        (1_000, {State.SENT: 2}),
        (5_000, {State.SENT: 1, State.BOUNCED: 1}),
    ]
    assert found.returns == [(5_000, 1, 0), (9_000, 1, 1)]
    assert (found.first_at, found.last_at) == (BEGAN, BEGAN + 1_000)


def test_of_a_mailing_of_which_nothing_happened_yet(database: Database) -> None:
    found = results(database, a_mailing(database, {"state": State.QUEUED}))
    assert (found.course, found.returns, found.first_at, found.domains.took) == ([], [], None, None)
    assert found.domains.largest[0].counts == {State.QUEUED: 1}


def test_no_other_mailing_is_read(database: Database) -> None:
    mailing_id = a_mailing(database, *some_deliveries(50))
    plans = plans_of(database, lambda connection: _read(database, connection, mailing_id))
    of_deliveries = [plan for sql, plan in plans if "deliveries" in sql]
    assert of_deliveries
    for plan in of_deliveries:
        assert "ix_deliveries_" in plan
        assert "SCAN deliveries" not in plan and "Seq Scan on deliveries" not in plan


def test_who_unsubscribed_is_counted_by_an_index(database: Database) -> None:
    mailing_id = a_mailing(database, *some_deliveries(2))
    [(_, plan)] = plans_of(database, lambda connection: unsubscribed(connection, mailing_id))
    assert "ix_suppressions_mailing_id" in plan


def _read(database: Database, connection: Any, mailing_id: int) -> None:
    mailing = mailings.get(connection, mailing_id)
    assert mailing is not None
    results_of(connection, mailing)


def test_what_takes_too_long_is_given_up(database: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with (
        database.read() as connection,
        pytest.raises(TookTooLong),
        time_limit(connection, 0.2),
    ):
        connection.exec_driver_sql(endless)
    with database.read() as connection:  # the same connection, for whoever comes next
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_many_domains_that_took_differently_long_cost_no_more_than_others() -> None:
    def seconds(took: Callable[[int], int]) -> float:
        rows = [DomainCount(f"{n}.example", State.SENT, took(n), 1, 1, 1, 0, n, n) for n in range(30_000)]
        began = time.thread_time()
        assert told_by_domain(rows).number == len(rows)
        return time.thread_time() - began

    assert seconds(lambda n: n % 5_000) < 2 * seconds(lambda n: 7)
