"""PostgreSQL some way off: a group waits for who is answered in a moment, not for who is silent or slow."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mailroom.engine.send import recorder as recorder_module
from mailroom.engine.send.group import WriteGroup, Written
from mailroom.engine.send.recorder import Recorder

ANY: Any = None
SILENT = 1_000_000.0


class _Clock(selectors.SelectSelector):
    """Time passes only while the loop has nothing to do, and then at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class FakeWriter:
    """Writes whatever it is asked to, in one round trip."""

    round_trip = 0.02

    def __init__(self, *_: Any) -> None:
        self.written_at: list[float] = []
        self.has_failures = False

    def may_ask(self, group: WriteGroup) -> bool:
        return True

    def ask(self, loop: asyncio.AbstractEventLoop, group: WriteGroup, heard: Callable[..., None]) -> None:
        self.written_at.append(loop.time())
        written = Written(marked=group.asked)
        group.asked, group.sent = [], []
        loop.call_later(self.round_trip, heard, written, None)


Session = Callable[[Recorder], Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Runs sessions with a recorder for some seconds of its clock; when each group began to be written."""
    monkeypatch.setattr(recorder_module, "GroupWriter", FakeWriter)

    def run(seconds: float, *sessions: Session) -> list[float]:
        clock = _Clock()
        loop = asyncio.SelectorEventLoop(clock)
        monkeypatch.setattr(loop, "time", lambda: clock.now)
        monkeypatch.setattr(recorder_module, "time", SimpleNamespace(monotonic=loop.time))
        recorder = Recorder(loop, ANY, SimpleNamespace(is_remote=True), ANY)  # type: ignore[arg-type]
        tasks = [loop.create_task(session(recorder)) for session in sessions]
        loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()
        return recorder._writer.written_at  # type: ignore[attr-defined,no-any-return]

    return run


def a_session(number: int, answers_after: float, sent: list[int]) -> Session:
    """Each of its mails is answered so long after its mark."""

    async def session(recorder: Recorder) -> None:
        for id in range(number * 10_000, number * 10_000 + 9_999):
            assert await recorder.mark(number, id)
            await asyncio.sleep(answers_after)
            recorder.answered(id)
            recorder.sent(id, 250, "Ok")
            sent.append(number)

    return session


@pytest.mark.parametrize("round_trip", [0.004, 0.02])
@pytest.mark.parametrize("of_one", [SILENT, 1.0, 0.09, 0.021])
def test_the_others_send_as_much_as_without_it(
    run: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch, round_trip: float, of_one: float
) -> None:
    monkeypatch.setattr(FakeWriter, "round_trip", round_trip)
    others = [0.001, 0.0015, 0.002]
    alone: list[int] = []
    run(2.0, *(a_session(number, after, alone) for number, after in enumerate(others)))
    beside: list[int] = []
    run(2.0, *(a_session(number, after, beside) for number, after in enumerate([*others, of_one])))
    for number in range(len(others)):
        assert alone.count(number) > 0.9 * 2.0 / (round_trip + max(others))
        assert beside.count(number) >= 0.97 * alone.count(number)


def test_sessions_that_are_answered_in_a_moment_share_a_group(run: Callable[..., list[float]]) -> None:
    sent: list[int] = []
    groups = run(2.0, *(a_session(number, 0.001 * number, sent) for number in range(1, 9)))
    assert len(sent) > 7 * len(groups)


def test_an_outcome_waits_ten_milliseconds_for_a_next_mark_at_most(
    run: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeWriter, "round_trip", 1.0)
    sent: list[int] = []
    groups = run(2.0, a_session(1, 0.1, sent), a_session(2, SILENT, sent))
    assert groups[:2] == [0.0, pytest.approx(1.11)]
