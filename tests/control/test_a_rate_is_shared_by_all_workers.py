from __future__ import annotations

from bisect import bisect_left

from mailroom.sink.record import RecordedMessage
from tests.control.conftest import Start, on_both
from tests.held_up import HeldUp


def most_within(messages: list[RecordedMessage], seconds: float) -> int:
    """The most messages that arrived in any `seconds`."""
    times = sorted(message.time for message in messages)
    return max(bisect_left(times, moment + seconds) - index for index, moment in enumerate(times))


@on_both
def test_two_pools_keep_one_rate_in_every_window(start: Start) -> None:
    system = start(MAILROOM_RATE="10/second")
    mailing = system.accept(35)
    system.start_workers(2)
    system.start_workers(1)
    with HeldUp(system.processes) as machine:
        messages = system.sink.wait(35, 20)
    system.wait_until_over(mailing.mailing_id)
    times = sorted(message.time for message in messages)
    late = machine.at_most(0.2)
    assert most_within(messages, 0.95 - late) <= 10, "20 ms apart from an even pace is what a machine does"
    assert times[-1] - times[0] < 34 / 10 * 1.25 + machine.at_most(20), "slower than it may be"


def test_a_high_rate_is_reached(start: Start) -> None:
    system = start(MAILROOM_RATE="300/second")
    mailing = system.accept(600)
    system.start_workers(2)
    with HeldUp(system.processes) as machine:
        messages = system.sink.wait(600, 20)
    system.wait_until_over(mailing.mailing_id)
    times = sorted(message.time for message in messages)
    late = machine.at_most(0.2)
    assert most_within(messages, 1.0 - late) <= 315, "a worker that was held up catches up 50 ms at most"
    assert times[-1] - times[0] < 600 / 300 * 1.5 + machine.at_most(20)


def test_there_is_no_burst_after_a_quiet_time(start: Start) -> None:
    system = start(MAILROOM_RATE="2/second")
    system.start_workers(2)
    system.accept(["first@mail.example"])
    system.sink.wait(1)
    with HeldUp(system.processes) as machine:
        system.accept(4)
        messages = system.sink.wait(5)
    assert most_within(messages, 0.9 - machine.at_most(0.2)) <= 2
