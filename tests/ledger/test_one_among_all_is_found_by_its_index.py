"""A page that shows what is rare, or old, passes over nothing else, whatever a planner believes.

With statistics, by which PostgreSQL plans: it takes what is looked for to be spread evenly over all ids, and
would read all mailings from the end to find the one that is held.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select

from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from mailroom.ledger.batches import batches
from mailroom.ledger.deliveries import deliveries, results
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED, with_outcome
from mailroom.ledger.feedback import reports
from mailroom.ledger.mailings import counters, emails, mailings
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import deliveries as deliveries_table
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.schema import reports as reports_table
from mailroom.ledger.schema import webhook_calls as calls_table
from mailroom.ledger.states import MailingState, State
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from tests.ledger.plans import plans_of

THEN = from_millis(1)
MANY = 4_000
LARGE = MANY + 1


@pytest.fixture
def keys(database: Database) -> dict[str, api_keys.ApiKey]:
    """Of two programs: one handed in the first mailing, the other all that followed."""
    made: dict[str, api_keys.ApiKey] = {}
    with database.begin() as connection:
        for name in ("quiet", "busy"):
            _, id = api_keys.add(connection, name, scopes=["read"])
            key = api_keys.get(connection, id)
            assert key is not None
            made[name] = key
        same = {
            "kind": "shared",
            "queue": "urgent",
            "sender_address": "a@b.example",
            "subject": "s",
            "total": 1,
        }
        same |= {
            "state": MailingState.DONE,
            "sent": 1,
            "created_at": THEN,
            "expires_at": THEN,
            "ended_at": THEN,
        }
        one = [{**same, "id": id, "uid": f"u{id}", "held_for": None} for id in range(1, MANY + 1)]
        one[0] |= {"state": MailingState.PAUSED, "held_for": "its sender is refused"}
        programs = [made["quiet" if row["id"] == 1 else "busy"].id for row in one]
        connection.execute(
            insert(mailings_table),
            [{**row, "program_id": program} for row, program in zip(one, programs, strict=True)],
        )
        large = {**same, "id": LARGE, "uid": "large", "kind": "individual", "sent": MANY, "total": MANY}
        connection.execute(insert(mailings_table), [large])
        to = {"mailing_id": LARGE, "address": "a@b.example", "address_key": "a@b.example", "updated_at": 1}
        rows = [{**to, "state": State.SENT, "batch_id": place // 100} for place in range(MANY)]
        connection.execute(insert(deliveries_table), rows)
        said = {"kind": "bounced", "way": "pipe", "address": "a@b.example", "received_at": 1, "status": ""}
        said |= {
            "words": "",
            "reporter": "",
            "is_transient": False,
            "raw": b"",
            "unmatched": "",
            "is_open": False,
        }
        told = [{**said, "key": f"k{id}", "mailing_id": 1 if id == 1 else 2} for id in range(1, MANY + 1)]
        connection.execute(insert(reports_table), told)
        endpoint = webhook_endpoints.add(connection, "https://hooks.example/x", ["email.sent"])
        call = {"endpoint_id": endpoint, "type": "email.sent", "at": 1, "expires_at": 2}
        logged = [{**call, "state": "done" if place else "failed"} for place in range(MANY)]
        connection.execute(insert(calls_table), logged)
        suppressions.add(connection, (f"gone{place}@mail.example" for place in range(MANY)))
        for table in ("mailings", "deliveries", "reports", "webhook_calls", "suppressions"):
            if not database.is_sqlite:  # which has none, unless somebody asks for it
                connection.exec_driver_sql(f"ANALYZE {table}")
    return made


Read = Callable[[Connection, dict[str, api_keys.ApiKey]], object]

READS: dict[str, tuple[str, Read]] = {
    "mailings that workers paused": ("ix_mailings_held", lambda c, _: mailings.held(c, 6)),
    "those that paused themselves": (
        "ix_mailings_tripped",
        lambda c, _: mailings.held(c, 6, by_itself=True),
    ),
    "whether there are any": ("ix_mailings_held", lambda c, _: c.execute(select(mailings.is_any_held()))),
    "and any of those": (
        "ix_mailings_tripped",
        lambda c, _: c.execute(select(mailings.is_any_held(by_itself=True))),
    ),
    "a quiet program's mail": (
        "ix_mailings_program_id_id",
        lambda c, keys: emails.page(c, keys["quiet"], limit=21),
    ),
    "its older mail": (
        "ix_mailings_program_id_id",
        lambda c, keys: emails.page(c, keys["quiet"], limit=21, after_id=MANY // 2),
    ),
    "its newer mail": (
        "ix_mailings_program_id_id",
        lambda c, keys: emails.page(c, keys["quiet"], limit=21, before_id=MANY // 2),
    ),
    "a busy program's mail": (
        "ix_mailings_program_id_id",
        lambda c, keys: emails.page(c, keys["busy"], limit=21),
    ),
    "calls that failed": (
        "ix_webhook_calls_endpoint_id_state_id",
        lambda c, _: webhook_calls.page(c, 1, "failed", None, 51),
    ),
    "what came back of a mailing": ("ix_reports_mailing_id_id", lambda c, _: reports.of_mailing(c, 1)),
    "its failed ones": ("ix_deliveries_troubled", lambda c, _: list(results.said(c, LARGE, State.FAILED))),
}

OF_BATCHES: dict[str, Read] = {
    "how its live batches stand": lambda c, _: counters.live(c, [LARGE]),
    "when the first lease runs out": lambda c, _: batches.earliest_lease(c, LARGE),
}


@pytest.mark.parametrize(("index", "read"), READS.values(), ids=READS)
def test_it_is_found_by_its_index(
    database: Database, keys: dict[str, api_keys.ApiKey], index: str, read: Read
) -> None:
    plans = plans_of(database, lambda connection: read(connection, keys), as_it_is=True)
    assert any(index in plan for _, plan in plans), plans


@pytest.mark.parametrize("read", OF_BATCHES.values(), ids=OF_BATCHES)
def test_what_is_under_way_is_found_by_its_batch(
    database: Database, keys: dict[str, api_keys.ApiKey], read: Read
) -> None:
    plans = plans_of(database, lambda connection: read(connection, keys))
    assert all("ix_deliveries_batch_id" in plan for sql, plan in plans if "deliveries" in sql), plans


def test_a_page_of_who_did_not_bounce_reads_no_other_suppressions(
    database: Database, keys: dict[str, api_keys.ApiKey]
) -> None:
    """There are as many pages as a mailing has thousands."""
    plans = plans_of(database, lambda c: next(with_outcome(c, LARGE, NOT_BOUNCED)), as_it_is=True)
    for sql, plan in plans:
        for table in ("suppressions", "mailings"):
            assert f"SCAN {table}" not in plan and f"Seq Scan on {table}" not in plan, f"{sql}\n{plan}"


def test_both_pages_of_a_program_have_all_of_its_mail(
    database: Database, keys: dict[str, api_keys.ApiKey]
) -> None:
    with database.read() as connection:
        assert emails.page(connection, keys["quiet"], limit=9) == [1]
        assert emails.page(connection, keys["busy"], limit=3) == [MANY, MANY - 1, MANY - 2]
        assert emails.page(connection, keys["busy"], limit=2, after_id=50) == [49, 48]
        assert emails.page(connection, keys["busy"], limit=2, before_id=50) == [52, 51]
        assert emails.page(connection, keys["busy"], limit=9, after_id=4) == [3, 2]
        assert emails.page(connection, keys["quiet"], limit=9, before_id=1) == []


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING])
def test_nobody_of_a_large_mailing_is_read_to_find_none(
    database: Database, keys: dict[str, api_keys.ApiKey], state: State
) -> None:
    """As after each second, while somebody looks at a mailing that is over."""
    with database.read() as connection:
        assert deliveries.page(connection, LARGE, state) == []
        assert [one.state for one in deliveries.page(connection, LARGE, State.SENT, limit=2)] == [
            State.SENT
        ] * 2
