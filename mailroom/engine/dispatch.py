"""One batch over as many SMTP sessions as it calls for."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from mailroom.database.engine import Database
from mailroom.database.raw import RawConnection
from mailroom.delivery.envelope import Envelope
from mailroom.delivery.failure import Failure
from mailroom.delivery.server import Server
from mailroom.engine.lane import Lane
from mailroom.engine.messages import Message
from mailroom.engine.recorder import Recorder
from mailroom.engine.sessions import Sessions
from mailroom.engine.turns import Turns
from mailroom.ledger import batches, mailings, servers
from mailroom.ledger.batches import Lease, Waiting

log = structlog.get_logger()

WORKS_FOR = 20.0
"""Seconds after which what is left is handed back: a job is short."""

PATIENCE = 0.01
"""Seconds without an answer after which another session is worth opening."""

SHARE = 10
"""So many mails are worth a session, however fast the server: sessions that are served
within two turns of the event loop share a commit, and that is a fifth of a mail's cost."""

BREATH = 0.05
"""Seconds of rendering after which the event loop has its turn: with it, who waits is heard, leases are
renewed and replies are read, however long each mail of a mailing takes to render."""

GRACE = 7.0
"""Seconds that mails in flight may still take once the worker was told to stop."""


class Dispatch:
    """Sends what a lease holds. Belongs to one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        database: Database,
        direct: RawConnection,
        sessions: Sessions,
        server: Server,
        lease: Lease,
        deliveries: Sequence[Waiting],
        messages: Mapping[int, Message],
        connections: int,
        turns: Turns,
        waits: Sequence[timedelta],
        *,
        is_trial: bool = False,
    ) -> None:
        """`is_trial`: the server was in trouble, and this worker alone finds out whether it still is."""
        self.database = database
        self.sessions = sessions
        self.server = server
        self.lease = lease
        self.messages = messages
        self.todo = deque(deliveries)
        self.tries: Counter[int] = Counter()
        self.recorder = Recorder(loop, database, direct, lease)
        self.server_failure: Failure | None = None
        self.is_ending = False
        self.answered_at = time.monotonic()
        self.turns = turns
        self.waits = waits
        self.is_trial = is_trial
        self.was_heard = False
        self.is_throttled = False
        self.gave_way = False
        self._ending = asyncio.Event()
        self._rendering = 0.0  # seconds since the event loop's last turn
        self._until = time.monotonic() + WORKS_FOR
        self._at_most = min(connections, lease.max_sessions or connections)
        self._most = 1 if is_trial else self._at_most
        self._lanes: dict[asyncio.Task[None], Lane] = {}

    async def run(self) -> None:
        """Returns when all is sent or handed back, and every outcome is on disk."""
        self._open_lanes(self._wanted())
        watch = asyncio.create_task(self._watch())
        try:
            while self._lanes:
                done, _ = await asyncio.wait(self._lanes, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._lanes[task]
                    if not task.cancelled():
                        task.result()
        finally:
            watch.cancel()
            for lane in self._lanes.values():
                lane.abort()
            await asyncio.gather(*self._lanes, return_exceptions=True)
        await self.recorder.drained()

    def hand_back(self) -> None:
        """Begins no further mail; those in flight end as they end."""
        self.is_ending = True
        self._ending.set()

    def give_way(self) -> None:
        """Hands back because urgent mail waits."""
        self.gave_way = self.gave_way or bool(self.todo)
        self.hand_back()

    async def stop(self) -> None:
        """Hands back, and cuts off what is still in flight after the grace; who connects just stops."""
        self.hand_back()
        for task, lane in self._lanes.items():
            if not lane.is_connected:
                task.cancel()
        await asyncio.sleep(GRACE)
        for lane in self._lanes.values():
            lane.abort()

    def next_delivery(self) -> Waiting | None:
        if self.is_out_of_breath or self.is_ending or not self.todo:
            return None
        return self.todo.popleft()

    @property
    def is_out_of_breath(self) -> bool:
        """Whether rendering has kept everything else waiting."""
        return self._rendering >= BREATH

    async def breathe(self) -> None:
        """Lets everything else have its turn."""
        await asyncio.sleep(0)
        self._rendering = 0.0

    def may_look_ahead(self) -> bool:
        """Whether a session may take a mail while it waits for the last one's reply.

        It saves a round trip with a server that answers at once, and with any other it
        would keep a mail from a session that is free. A mail that lost a session goes first
        on its next one: behind another it would be lost with that one's again, and be late.
        """
        if self.sessions.reply_time.get(self.server.name, PATIENCE) >= PATIENCE:
            return False
        return not self.tries or not self.todo or not self.tries[self.todo[0].id]

    def leave_out(self, mailing_id: int) -> None:
        """Tries no more of this mailing: it was paused, canceled or is over."""
        self.todo = deque(row for row in self.todo if row.mailing_id != mailing_id)

    async def wait_for_turn(self) -> bool:
        """Until the throttle lets a mail go. False: not within this job's time, so it is over."""
        if await self.turns.wait(self._until, self._ending):
            return True
        self.is_throttled = not self.is_ending
        self.hand_back()
        return False

    def heard(self) -> None:
        """The server takes mails or refuses them one by one: it works."""
        self.was_heard = True
        if self.is_trial:
            self.is_trial, self._most = False, self._at_most
            with suppress(DBAPIError), self.database.begin() as connection:
                servers.healthy(connection, self.server.name)

    def cannot_be_used(self, failure: Failure) -> None:
        """Nothing can be sent there now, and no delivery is to blame."""
        self.server_failure = failure
        self.hand_back()

    def cannot_connect(self, failure: Failure) -> None:
        """Without any session the server is unreachable; beside others it has just enough of them."""
        connected = sum(lane.is_connected for lane in self._lanes.values())
        self._most = max(1, connected)
        if not connected and not self.sessions.idle(self.server):
            self.cannot_be_used(failure)

    def render(self, delivery: Waiting) -> Envelope:
        """Raises MergeError when the variables do not fit the template."""
        message = self.messages[delivery.mailing_id]
        began = time.monotonic()
        try:
            return Envelope(message.sender, delivery.address, message.render(delivery), delivery.id)
        finally:
            self._rendering += time.monotonic() - began

    def _wanted(self) -> int:
        """A few sessions for a server that answers at once, all for one that takes its time."""
        reply_time = self.sessions.reply_time.get(self.server.name, 0.0)
        called_for = max(round(reply_time / PATIENCE), len(self.todo) // SHARE)
        return max(1, min(self._most, len(self.todo), called_for))

    def _open_lanes(self, number: int) -> None:
        for _ in range(number):
            lane = Lane(self)
            self._lanes[asyncio.create_task(lane.run())] = lane

    async def _watch(self) -> None:
        began = checked = renewed = time.monotonic()
        while True:
            await asyncio.sleep(PATIENCE)
            now = time.monotonic()
            if now - self.answered_at >= PATIENCE and not self.is_ending and not self.turns.are_awaited:
                room = min(self._most - len(self._lanes), len(self.todo))
                self._open_lanes(min(room, max(1, len(self._lanes))))
            if now - began >= WORKS_FOR:
                self.hand_back()
            if now - checked >= 1.0:
                checked = now
                self._look_at_mailings()
            if now - renewed >= batches.LEASE_MS / 3000:
                renewed = now
                self._renew()

    def _look_at_mailings(self) -> None:
        """A pause stops a mail at its mark; seeing it earlier saves the server the start of one."""
        try:
            with self.database.read() as connection:
                stopped = mailings.not_active(connection, {row.mailing_id for row in self.todo})
                self.turns.look(connection)
        except DBAPIError:
            return
        for mailing_id in stopped:
            self.leave_out(mailing_id)

    def _renew(self) -> None:
        try:
            with self.database.begin() as connection:
                is_held = batches.renew(connection, self.lease)
                if self.is_trial:
                    servers.keep_trying(connection, self.server.name)
        except DBAPIError:
            return
        if not is_held:
            self.lose()

    def lose(self) -> None:
        """The batch is somebody else's now."""
        log.warning("lost the lease; what is left is not ours any more", batch=self.lease.batch_id)
        self.todo.clear()
        self.hand_back()
