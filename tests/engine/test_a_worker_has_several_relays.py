"""Each mailing goes to its relay's server; what is open and what is wrong there concerns no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import sessions
from tests.engine.conftest import Start
from tests.system import System
from tests.warm_sink import WarmSink

OTHER = "slow"
"""The name of the second relay that the settings know."""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[WarmSink]:
    sink = WarmSink(tmp_path / "other")
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def system(start: Start, other: WarmSink) -> System:
    return start(MAILROOM_SLOW_SERVER=f"127.0.0.1:{other.port}", MAILROOM_CONNECTIONS="1")


def send(system: System, address: str, route: str = "") -> dict[str, int]:
    accepted = system.accept([address], route=route)
    counts = system.wait_until_over(accepted.mailing_id).counts
    return {str(state): number for state, number in counts.items()}


def recipients(sink: WarmSink) -> set[str]:
    return {message.recipient for message in sink.messages()}


def test_a_mailing_goes_to_its_relay_and_to_the_first_when_there_is_none_of_that_name(
    system: System, other: WarmSink
) -> None:
    system.start_workers(1)
    for address, route in {"ann": "", "bob": OTHER, "eve": "gone"}.items():
        assert send(system, f"{address}@mail.example", route)["sent"] == 1
    assert recipients(system.sink) == {"ann@mail.example", "eve@mail.example"}
    assert recipients(other) == {"bob@mail.example"}
    with system.database.read() as connection:
        opened = connection.execute(select(sessions.c.server, sessions.c.number)).all()
    servers = [f"127.0.0.1:{sink.port}" for sink in (system.sink, other)]
    assert sorted(opened) == sorted(zip(servers, (1, 2), strict=True)), "kept, and numbered together"


def test_one_that_is_away_holds_up_no_other(system: System, other: WarmSink) -> None:
    other.stop()
    system.start_workers(1)
    stuck = system.accept(["bob@mail.example"], route=OTHER)
    assert send(system, "ann@mail.example")["sent"] == 1
    assert system.counted(stuck.mailing_id)["queued"] == 1
