"""When a worker dies, the ledger knows whether a suspect was being built or sent, or only waited."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from mailroom.engine import deliver
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.messages import CompiledMessages
from mailroom.engine.send.rate_limiter import RateLimiter
from mailroom.ledger.batches import gather
from mailroom.ledger.schema import batches, deliveries
from mailroom.ledger.sweep import rounds
from tests.engine.conftest import a_worker
from tests.system import System

Seen = list[tuple[str, bool | None]]


@pytest.fixture
def system(start: Callable[..., System], monkeypatch: pytest.MonkeyPatch) -> System:
    """Whose worker is this process, and which nobody sweeps."""
    system = start(MAILROOM_RATE="10/second", MAILROOM_CONNECTIONS="1")
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rounds, "take", lambda *_: None)
    return system


@pytest.fixture
def seen(system: System, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What the ledger says at each step of a mail."""
    seen: Seen = []

    def look(step: str) -> None:
        with system.database.read() as connection:
            seen.append((step, connection.execute(select(batches.c.in_hand)).scalar()))

    def watched(owner: type, name: str, step: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: object) -> object:
            look(step)
            return real(*arguments)

        monkeypatch.setattr(owner, name, call)

    watched(CompiledMessages, "of", "compile")
    watched(RateLimiter, "wait", "wait for a turn")
    watched(Feed, "render", "render")
    return seen


def deliver_first(system: System) -> None:
    with system.database.read() as connection:
        batch_id = connection.execute(select(batches.c.id)).scalars().first()
    assert batch_id is not None
    with a_worker(system):
        deliver.deliver_batch(batch_id, 0)


def test_of_a_suspect_that_is_tried_alone(system: System, seen: Seen) -> None:
    mailing = system.accept(1)
    with system.database.begin() as connection:
        connection.execute(batches.delete())
        connection.execute(update(deliveries).values(deaths=1, deaths_alone=1, batch_id=None, due_at=0))
        gather.gather(connection, mailing.mailing_id, 1)
    deliver_first(system)
    assert seen == [("compile", True), ("wait for a turn", False), ("render", True)]
    assert system.counted(mailing.mailing_id) == {"sent": 1}


def test_of_others_when_they_wait_for_their_turn(system: System, seen: Seen) -> None:
    mailing = system.accept(2)
    deliver_first(system)
    assert seen[0] == ("compile", None), "who killed a worker here may be any of them"
    waits = [in_hand for step, in_hand in seen if step == "wait for a turn"]
    renders = [in_hand for step, in_hand in seen if step == "render"]
    assert len(waits) >= 2 and not any(waits), "nothing was in hand"
    assert renders == [True, True]
    assert system.counted(mailing.mailing_id) == {"sent": 2}
