"""While all is as usual no coroutine has a turn for a mail; whatever is not ends as it always does."""

from __future__ import annotations

import asyncio

import pytest

from mailroom.smtp import transaction, wire
from mailroom.smtp.envelope import Envelope, Outcome
from mailroom.smtp.failure import Failure, Withdrawn
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import CONTENT, Deliver, Sink, Tray

pytestmark = pytest.mark.usefixtures("each_loop")

NAMES = [f"a{number}@x.org" for number in range(12)]


def sent(tray: Tray) -> list[str]:
    return [name for name, outcome in tray.outcomes.items() if isinstance(outcome, Reply)]


async def of_one_session(port: int, tray: Tray, timeout: float = 5.0) -> Session:
    session = await Session.open(Server("127.0.0.1", port, timeout=timeout))
    await session.run(tray)
    return session


def test_replies_that_come_together_are_read_as_they_come(
    sink: Sink, tray: type[Tray], monkeypatch: pytest.MonkeyPatch
) -> None:
    awaited: list[float] = []
    reply = wire.Wire.reply

    async def noted(self: wire.Wire, timeout: float) -> Reply:
        awaited.append(timeout)
        return await reply(self, timeout)

    letters, there = tray(*NAMES), sink()

    async def run() -> None:
        session = await Session.open(Server("127.0.0.1", there.port, timeout=5))
        monkeypatch.setattr(wire.Wire, "reply", noted)
        await session.run(letters)

    asyncio.run(run())
    assert sent(letters) == NAMES == [message.recipient for message in there.messages()]
    # The first envelope's and the last content's; a few more, if the machine is slow.
    assert len(awaited) < len(NAMES)


@pytest.mark.parametrize(
    ("rule", "kind", "scope", "is_recorded"),
    [
        ("drop dot", "unknown", "delivery", False),
        ("drop after-record", "unknown", "delivery", True),
        ("garbage after-record", "unknown", "delivery", True),
        ("stall dot", "unknown", "delivery", False),
        ("reply dot 451 4.3.0 Not now", "temporary", "delivery", False),
        ("reply dot 554 5.7.1 No", "permanent", "delivery", False),
        ("drop rcpt", "temporary", "session", False),
        ("reply rcpt 550 5.1.1 No such user", "permanent", "delivery", False),
    ],
)
def test_what_befalls_one_in_the_middle_befalls_it_alone(
    sink: Sink, tray: type[Tray], rule: str, kind: str, scope: str, is_recorded: bool
) -> None:
    letters, there = tray(*NAMES), sink(f"rcpt {NAMES[5].partition('@')[0]}: {rule}")
    asyncio.run(of_one_session(there.port, letters, 0.1 if "stall" in rule else 5.0))
    failure = letters.failures[NAMES[5]]
    assert (failure.kind, failure.scope) == (kind, scope)
    others = [*NAMES[:5], *NAMES[6:]] if rule.startswith("reply") else NAMES[:5]
    assert sent(letters) == others
    recorded = {message.recipient for message in there.messages()}
    assert recorded == {*sent(letters), *([NAMES[5]] if is_recorded else [])}


def test_one_that_may_not_be_sent_does_not_leave(sink: Sink, tray: type[Tray]) -> None:
    letters, there = tray(*NAMES), sink()
    letters.refuse.add(NAMES[5])
    session = asyncio.run(of_one_session(there.port, letters))
    assert session.closed
    assert isinstance(letters.outcomes[NAMES[5]], Withdrawn)
    assert sent(letters) == NAMES[:5] == [message.recipient for message in there.messages()]


class Awkward(Tray):
    """One whose marks or outcomes do not go well, from the fifth on."""

    def __init__(self, what: str) -> None:
        super().__init__(*NAMES)
        self.what = what
        self.session: Session | None = None
        self.asked: asyncio.Future[bool] | None = None

    async def mark(self, envelope: Envelope) -> bool:
        if envelope.recipient != NAMES[5] or self.what == "outcome":
            return await super().mark(envelope)
        self.asked = asyncio.get_running_loop().create_future()
        if self.what == "mark":
            self.asked.set_exception(OSError("the mark"))
        elif self.what == "lost":
            assert self.session is not None
            self.session.abort()
            self.asked.set_result(True)
        return await self.asked

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        if self.what == "outcome" and envelope.recipient == NAMES[5]:
            raise OSError("the outcome")
        super().outcome(envelope, outcome)


@pytest.mark.parametrize(("what", "recorded"), [("mark", 5), ("outcome", 6)])
def test_an_error_of_the_source_goes_up(sink: Sink, what: str, recorded: int) -> None:
    letters, there = Awkward(what), sink()

    async def run() -> None:
        session = await Session.open(Server("127.0.0.1", there.port, timeout=5))
        with pytest.raises(OSError, match=what):
            await session.run(letters)
        assert session.closed

    asyncio.run(run())
    assert sent(letters) == NAMES[:5]
    assert [message.recipient for message in there.messages()] == NAMES[:recorded]


def test_one_that_was_marked_as_its_session_was_lost_was_not_sent(sink: Sink) -> None:
    letters, there = Awkward("lost"), sink()

    async def run() -> None:
        letters.session = await Session.open(Server("127.0.0.1", there.port, timeout=5))
        await letters.session.run(letters)

    asyncio.run(run())
    failure = letters.failures[NAMES[5]]
    assert (failure.kind, failure.scope) == ("temporary", "session")
    assert sent(letters) == NAMES[:5] == [message.recipient for message in there.messages()]


def test_who_cancels_it_cancels_the_mark(sink: Sink) -> None:
    letters, there = Awkward("waits"), sink()

    async def run() -> None:
        session = await Session.open(Server("127.0.0.1", there.port, timeout=5))
        running = asyncio.create_task(session.run(letters))
        while letters.asked is None:
            await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert letters.asked.cancelled() and session.closed

    asyncio.run(run())
    assert sent(letters) == NAMES[:5] == [message.recipient for message in there.messages()]


def test_a_ledger_that_takes_its_time_is_no_silent_server(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "FINAL_DOT_TIMEOUTS", 1)
    letters, there = Awkward("waits"), sink()

    async def run() -> None:
        session = await Session.open(Server("127.0.0.1", there.port, timeout=0.5))
        running = asyncio.create_task(session.run(letters))
        while letters.asked is None:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.8)
        assert not session.closed
        letters.asked.set_result(True)
        await running

    asyncio.run(run())
    assert sent(letters) == NAMES


@pytest.mark.parametrize("size", [100, 200_000])
def test_small_and_large_ones_take_turns(sink: Sink, deliver: Deliver, tray: type[Tray], size: int) -> None:
    letters, there = tray(*NAMES), sink()
    long = CONTENT + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)
    letters.waiting = [
        one._replace(content=long) if number % 3 == 2 else one for number, one in enumerate(letters.waiting)
    ]
    deliver(there, letters)
    assert sent(letters) == NAMES == [message.recipient for message in there.messages()]
    assert not any(isinstance(outcome, Failure) for outcome in letters.outcomes.values())
