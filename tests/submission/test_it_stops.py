"""Signals end the submission process in order; SIGHUP too, unless whoever started it had it ignored."""

from __future__ import annotations

import signal
import smtplib
from collections.abc import Callable

import pytest

from tests import hang_ups
from tests.submission.conftest import Submission


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_order(submission: Submission, number: signal.Signals) -> None:
    submission.process.send_signal(number)
    assert submission.process.wait(15) == 0


def test_it_goes_on_when_it_was_started_to_outlive_the_terminal(start: Callable[..., Submission]) -> None:
    with hang_ups.ignored():
        submission = start()
    submission.process.send_signal(signal.SIGHUP)
    with smtplib.SMTP("127.0.0.1", submission.port, timeout=10) as client:
        assert client.noop()[0] == 250
    assert submission.stop() == 0
