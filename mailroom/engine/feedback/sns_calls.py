"""Calls to Amazon SNS: its certificates, fetched once and kept, and confirmations of subscriptions.

The URLs were judged before (feedback/providers/ses.py): a host of SNS in the region of a topic that a person
named. What they lead to is public, or nothing is called.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from mailroom.feedback.providers.post import CannotTell
from mailroom.http.answer import HttpAnswer, NoAnswer
from mailroom.http.guard import Forbidden, Guard

LARGEST_CERTIFICATE = 32 * 1024
SNS_PATIENCE_SECONDS = 5.0
"""SNS itself waits fifteen for our answer."""

CERTIFICATES_KEPT = 16
SNS_CALLS_A_MINUTE = 20
"""A certificate is good for months; who makes us ask for more has learnt the topic's name and our URL."""

Get = Callable[[str], HttpAnswer]


def _get(url: str) -> HttpAnswer:
    from mailroom.http.client import fetch  # takes megabytes, for a call or two a month

    return fetch(url, Guard(), LARGEST_CERTIFICATE, SNS_PATIENCE_SECONDS, {})


class SnsCalls:
    """Of one process."""

    def __init__(self, get: Get = _get) -> None:
        self._get = get
        self._kept: dict[str, bytes] = {}
        self._called: deque[float] = deque(maxlen=SNS_CALLS_A_MINUTE)
        self._lock = threading.Lock()

    def certificate(self, url: str) -> bytes:
        """Raises CannotTell."""
        if url not in self._kept:
            found = self._answer(url)
            with self._lock:
                while len(self._kept) >= CERTIFICATES_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[url] = found
            return found
        return self._kept[url]

    def confirm(self, url: str) -> None:
        """Raises CannotTell."""
        self._answer(url)

    def _answer(self, url: str) -> bytes:
        with self._lock:
            now = time.monotonic()
            if len(self._called) == SNS_CALLS_A_MINUTE and now - self._called[0] < 60:
                raise CannotTell("Amazon SNS was asked too often in the last minute.")
            self._called.append(now)
        try:
            answer = self._get(url)
        except (NoAnswer, Forbidden, OSError) as why:
            raise CannotTell(f"Amazon SNS could not be asked: {why}.") from why
        if answer.status != 200:
            raise CannotTell(f"Amazon SNS answered {answer.status}.")
        return answer.body
