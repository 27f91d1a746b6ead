"""Lanes of a batch: how many it calls for, and which of them only wait for a silent server."""

from __future__ import annotations

import asyncio
import time

from mailroom.engine.send.feed import Feed
from mailroom.engine.send.lane import Lane, LaneOwner
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.session_pool import WAIT_WORTH_A_SESSION

MAILS_WORTH_A_SESSION = 10
"""So many mails are worth a session, however fast the server: sessions that are served
within two turns of the event loop share a commit, and that is a fifth of a mail's cost."""

PARKED_AFTER = 1.0
"""Seconds without a word from the server after which nothing else waits for a session."""

PARKED_AFTER_AT_MOST = 3.0
"""The same for a server that is known to take its time: half as long again as it takes for a mail."""

RunningLanes = dict["asyncio.Task[None]", Lane]


class Lanes:
    """Opened for one owner, as many as `at_most`; for a trial there is one. Belongs to one event loop."""

    def __init__(
        self, owner: LaneOwner, relay: Relay, feed: Feed, recorder: Recorder, at_most: int, *, is_trial: bool
    ) -> None:
        self._owner = owner
        self._relay = relay
        self._feed = feed
        self._recorder = recorder
        self._at_most = at_most
        self._most = 1 if is_trial else at_most
        self.running: RunningLanes = {}

    @property
    def has_in_hand(self) -> bool:
        return any(lane.has_in_hand for lane in self.running.values())

    # How many

    def open_wanted(self) -> None:
        """How many more: a few for a server that answers at once, all for one that takes its time."""
        waits = round((self._relay.sessions.reply_time or 0.0) / WAIT_WORTH_A_SESSION)
        called_for = max(waits, len(self._feed) // MAILS_WORTH_A_SESSION)
        wanted = max(1, min(self._most, len(self._feed), called_for))
        self._open(min(self._relay.sessions.room, wanted - self._at_work))

    def open_as_many_again(self) -> None:
        self._open(min(self.room, len(self._feed), max(1, self._at_work)))

    @property
    def room(self) -> int:
        """How many may be opened."""
        return min(self._most - self._at_work, self._relay.sessions.room)

    @property
    def _at_work(self) -> int:
        """How many look for more: one that is over may be listed for a moment still."""
        return sum(not lane.is_over for lane in self.running.values())

    def keep_those_connected(self) -> int:
        """From now on there are no more than these; how many they are."""
        connected = sum(lane.is_connected for lane in self.running.values())
        self._most = max(1, connected)
        return connected

    def end_trial(self) -> None:
        self._most = self._at_most

    def _open(self, number: int) -> None:
        for _ in range(number):
            lane = Lane(self._owner, self._feed, self._relay, self._recorder)
            self.running[asyncio.create_task(lane.run())] = lane

    # Their end

    def stop_connecting(self) -> None:
        """Ends those that have no session yet."""
        for task, lane in self.running.items():
            if not lane.is_connected:
                task.cancel()

    def abort(self) -> None:
        for lane in self.running.values():
            lane.abort()

    # What waits for a silent server

    def free_what_is_behind(self, now: float) -> None:
        silent_since = self._silent_since(now)
        for lane in self.running.values():
            if lane.since <= silent_since:
                lane.free_what_is_behind()

    def only_wait(self) -> bool:
        """Whether none of them has anything to do but to wait for its server."""
        silent_since = self._silent_since(time.monotonic())
        return all(lane.only_waits(silent_since) for lane in self.running.values())

    def leave(self) -> tuple[RunningLanes, list[int]]:
        """Parks all of them: they, and the deliveries that they have in hand."""
        left, self.running = self.running, {}
        return left, [delivery_id for lane in left.values() for delivery_id in lane.park()]

    def _silent_since(self, now: float) -> float:
        """Who heard nothing since then (monotonic) waits for a silent server."""
        usual = 1.5 * (self._relay.sessions.reply_time or 0.0)
        return now - min(PARKED_AFTER_AT_MOST, max(PARKED_AFTER, usual))
