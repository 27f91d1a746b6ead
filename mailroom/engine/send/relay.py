"""Relay: a mail server that delivers for us, as one worker process uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from mailroom.engine.send.circuit_breaker import CircuitBreaker
from mailroom.engine.send.rate_limiter import RateLimiter
from mailroom.engine.send.session_pool import IDLE_AT_MOST, SessionPool, is_about_one_connection
from mailroom.engine.send.suspects import Streak
from mailroom.ledger.batches.batches import Lease
from mailroom.smtp.failure import Failure
from mailroom.smtp.server import Server


@dataclass(frozen=True, slots=True)
class Relay:
    """One server with all that is kept of it between jobs. `name`: what mailings and batches call it
    (`route`); pages and the ledger's notes name the server itself.
    """

    name: str
    server: Server
    sessions: SessionPool
    rate: RateLimiter
    circuit: CircuitBreaker
    backoff: Sequence[timedelta]  # the waits between the tries of one delivery
    streak: Streak = field(default_factory=Streak)

    def learn(
        self,
        connection: Connection,
        lease: Lease,
        failure: Failure | None,
        *,
        was_heard: bool,
        accepted_ms_ago: int | None,
        is_trial: bool,
    ) -> None:
        """Opens or closes the circuit, by what a batch found out.

        `failure`: why nothing can be sent there; `was_heard`: it took mails or refused them one by
        one; `accepted_ms_ago`: when the last that it took was handed over; `is_trial`: this worker was the
        only one to try.
        """
        if failure is not None and self._is_turned_away(connection, lease, failure):
            self.sessions.turn_away()
            self.circuit.healthy(connection)
        elif failure is not None:
            self.circuit.failed(connection, failure, is_trial=is_trial)
        elif was_heard:
            # Perhaps another worker could not connect while this one's sessions were fine.
            self.circuit.healthy(connection, accepted_ms_ago)
        if failure is None and is_trial:
            self.circuit.not_tried(connection)

    def _is_turned_away(self, connection: Connection, lease: Lease, failure: Failure) -> bool:
        """Whether the server has no session left for this worker, but works for others."""
        return is_about_one_connection(failure) and self.circuit.serves_others(connection, lease)


class Relays:
    """All relays of one worker process, at least one."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self._first = relays[0]
        self._by_name = {relay.name: relay for relay in relays}

    def __iter__(self) -> Iterator[Relay]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Relay:
        """The first one for a name that is none: accepted mail goes out after settings were changed, too."""
        return self._by_name.get(name, self._first)

    @property
    def stand_back_until(self) -> float:
        """When (monotonic) the last of them that has no session for us is asked for one again."""
        return max(relay.sessions.stands_back_until for relay in self)

    async def close_idle(self, older_than: float = IDLE_AT_MOST) -> None:
        """Takes leave of the sessions that nobody used."""
        await asyncio.gather(*(relay.sessions.close_idle(older_than) for relay in self))
