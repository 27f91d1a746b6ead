"""The page of a job in rq-dashboard: its mailings, and its mails by outcome, as the ledger has them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from app import create_app
from mailroom.engine import deliver
from mailroom.ledger import schema
from mailroom.ledger.batches import gather, turns
from mailroom.ledger.states import State
from mailroom.ledger.sweep import rounds
from mailroom.settings import load
from tests.engine.conftest import a_worker
from tests.system import System
from tests.web.watching import signed_in

READY = gather.READY * gather.SIZE


@pytest.fixture
def system(start: Callable[..., System], monkeypatch: pytest.MonkeyPatch) -> System:
    """Whose worker is this process; its turn does not end, and nobody sweeps, while the machine is slow."""
    system = start(
        "rcpt refused*: reply rcpt 550 5.1.1 No such user", "rcpt later*: reply rcpt 451 4.7.1 Later"
    )
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(deliver, "BULK_SLICE", 60.0)
    monkeypatch.setattr(rounds, "take", lambda *_: None)
    return system


def first_batch(system: System) -> int:
    with system.database.read() as connection:
        return int(connection.execute(select(func.min(schema.batches.c.id))).scalar_one())


def page_of(system: System, batch_id: int) -> str:
    """The words on the page of this batch's job, whose hash lies in Redis still."""
    app = create_app(load(system.environment))
    page = signed_in(app).get(f"/queue/0/view/job/deliver-{batch_id}-0").text
    return re.sub(r"\s+", " ", page)


def test_all_batches_of_its_turn_are_counted(system: System) -> None:
    trouble = ["refused0@mail.example", "refused1@mail.example", "later@mail.example"]
    people = [f"p{number}@mail.example" for number in range(READY + 100)]
    # In the first batch, and in one that the job goes on with.
    accepted = system.accept([*trouble, *people, "refused2@mail.example"])
    first = first_batch(system)
    with a_worker(system):
        deliver.deliver_batch(first, 0)
    with system.database.read() as connection:
        turn = turns.of_job(connection, first)
    counted = system.counted(accepted.mailing_id)
    assert turn.states == {
        state: counted[state] for state in (State.SENT, State.FAILED, State.DEFERRED) if state in counted
    }
    assert turn.states[State.FAILED] == 3 and turn.states[State.DEFERRED] == 1 and turn.batches > 1
    page = page_of(system, first)
    assert "3 failed" in page and "1 deferred" in page and f"{turn.states[State.SENT]} sent" in page
    assert f'href="/mailings/{accepted.mailing_id}"' in page and "Hello {{ name }}" in page


def test_a_job_whose_mails_were_all_refused_names_its_mailings(system: System) -> None:
    accepted = [system.accept([f"refused{number}@mail.example"]) for number in range(2)]
    first = first_batch(system)
    with a_worker(system):
        deliver.deliver_batch(first, 0)
    page = page_of(system, first)
    assert "2 failed" in page
    assert all(f'href="/mailings/{one.mailing_id}"' in page for one in accepted)


def test_a_job_that_did_nothing_says_so(system: System) -> None:
    system.accept(["ann@mail.example"])
    first = first_batch(system)
    with system.database.begin() as connection:
        connection.execute(schema.deliveries.update().values(batch_id=None))
    assert "None of them was tried in this job." in page_of(system, first)
