"""Feed of a batch: its deliveries on their way to sessions, each rendered when it is taken."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence, Set

from mailroom.content.message.compiled import date_fields
from mailroom.engine.send.sendable import DELETED, SendableMessage
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.smtp.envelope import Envelope

RENDERING_BREATH = 0.05
"""Seconds of rendering after which the event loop has its turn: with it, who waits is heard, leases are
renewed and replies are read, however long each mail of a mailing takes to render."""


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


class Feed:
    """Gives each delivery to one session. Belongs to one event loop.

    A closed one gives no more; what it still holds goes back with the batch.
    """

    def __init__(
        self, deliveries: Sequence[WaitingDelivery], messages: Mapping[int, SendableMessage]
    ) -> None:
        self.messages = messages
        self.is_closed = False
        self._waiting = deque(deliveries)
        self.size = len(deliveries)
        """How many it was given in all."""
        self.last_id = max((one.id for one in deliveries), default=0)
        self._losses: Counter[int] = Counter()  # of sessions, by delivery
        self.dates: dict[int, int] = {}  # milliseconds, by delivery that was rendered: goes with its mark
        self._of_shared: dict[int, int] = {}  # the same, by shared mailing
        self._rendering = 0.0  # seconds since the event loop's last turn

    def __len__(self) -> int:
        """How many wait for a session."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """How many do not wait any more."""
        return self.size - len(self._waiting)

    def add(self, deliveries: Sequence[WaitingDelivery]) -> None:
        """They go last. Of the same mailings as the others."""
        self._waiting += deliveries
        self.size += len(deliveries)
        self.last_id = max(self.last_id, *(one.id for one in deliveries))

    @property
    def mailing_ids(self) -> set[int]:
        """The mailings of those that wait."""
        return {delivery.mailing_id for delivery in self._waiting}

    @property
    def is_out_of_breath(self) -> bool:
        """Whether rendering has kept everything else waiting."""
        return self._rendering >= RENDERING_BREATH

    async def breathe(self) -> None:
        """Lets everything else have its turn."""
        await asyncio.sleep(0)
        self._rendering = 0.0

    def has_more(self) -> bool:
        """Whether another session would get something, perhaps after a breath."""
        return not self.is_closed and len(self._waiting) > 0

    def next(self) -> WaitingDelivery | None:
        """The next delivery, to be rendered; None: none now."""
        if self.is_closed or not self._waiting or self.is_out_of_breath:
            return None
        delivery = self._waiting.popleft()
        if not self.messages[delivery.mailing_id].is_lost:
            return delivery
        self.leave_out(delivery.mailing_id)  # the next batch has it made anew
        return self.next()

    @property
    def has_lost(self) -> bool:
        """Whether a message of it cannot be read any more."""
        return any(message.is_lost for message in self.messages.values())

    def render(self, delivery: WaitingDelivery) -> Envelope:
        """Raises MergeError when the variables do not fit the template."""
        message = self.messages[delivery.mailing_id]
        began = time.monotonic()
        try:
            content = message.content(delivery, self._date_fields(delivery, message))
            path = message.return_path(delivery)
            return Envelope(message.sender, delivery.address, content, delivery.id, path)
        finally:
            self._rendering += time.monotonic() - began

    def _date_fields(self, delivery: WaitingDelivery, message: SendableMessage) -> bytes:
        """Of now, unless it (or its message, to another) was about to be handed over before."""
        dated_at = delivery.dated_at or int(time.time()) * 1000
        if message.is_shared:
            first = self._of_shared.setdefault(delivery.mailing_id, dated_at)
            dated_at = delivery.dated_at or first
        self.dates[delivery.id] = dated_at
        return date_fields(dated_at // 1000)

    def put_back(self, delivery: WaitingDelivery) -> None:
        """It goes first."""
        self._waiting.appendleft(delivery)

    def lost_a_session(self, delivery: WaitingDelivery) -> int:
        """How often its session died before its dot, this time included."""
        self._losses[delivery.id] += 1
        return self._losses[delivery.id]

    def may_look_ahead(self) -> bool:
        """Whether a session may take the next one while it waits for the last one's reply.

        A mail that lost a session goes first on its next one: behind another it would be lost
        with that one's again, and be late.
        """
        return not self._losses or not self._waiting or not self._losses[self._waiting[0].id]

    def has_other_domains(self, domains: Set[str]) -> bool:
        """Whether somebody waits who is of none of these."""
        return not self.is_closed and any(domain_of(row.address) not in domains for row in self._waiting)

    def bring_forward(self, domains: Set[str]) -> None:
        """The first who is of none of these domains goes next."""
        for row in self._waiting:
            if domain_of(row.address) not in domains:
                self._waiting.remove(row)
                self._waiting.appendleft(row)
                return

    def leave_out(self, mailing_id: int) -> None:
        """Gives no more of this mailing: it was paused, canceled or is over."""
        self._waiting = deque(row for row in self._waiting if row.mailing_id != mailing_id)

    def close(self) -> None:
        """Gives no more."""
        self.is_closed = True

    def let_go_of_messages(self) -> None:
        """Nothing is rendered any more: what they say goes now, and not with the batch some time."""
        self.close()
        self.messages = dict.fromkeys(self.messages, DELETED)

    def drop(self) -> None:
        """Forgets what waits: it is somebody else's."""
        self._waiting.clear()
