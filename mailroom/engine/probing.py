"""Probing of a server in trouble, when no mail tries it.

Pages must not speak of trouble for longer than it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.hold import HoldWatch
from mailroom.engine.send.relay import Relay, Relays
from mailroom.http.aside import aside
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.smtp.failure import Failure
from mailroom.smtp.probe import probe

T = TypeVar("T")

PROBES_EVERY = 1.0
"""Seconds between two looks at what is in trouble."""


class Probing:
    """One worker's part. Belongs to its event loop."""

    def __init__(self, database: Database, relays: Relays, hold: HoldWatch) -> None:
        self._hold = hold
        self._database = database
        self._known = {relay.server.name: relay for relay in relays}

    async def run(self) -> None:
        """Until it is canceled."""
        while True:
            await asyncio.sleep(PROBES_EVERY)
            with supervision.attempt("probing", *LEDGER_AWAY):
                if not self._hold.is_on:
                    await self.look()

    async def look(self) -> None:
        for trouble in await aside(self._find_troubled):
            if trouble.server in self._known:
                await self._see_to(trouble, self._known[trouble.server])

    async def _see_to(self, trouble: ServerTrouble, relay: Relay) -> None:
        if trouble.is_about_us:
            # It lets us in: only a mail could show that it is over.
            await self._ledger(relay.circuit.reset_when_idle)
            return
        if trouble.stage in ("connect", "ehlo") and relay.sessions.idle:
            # Another worker is refused, and we keep sessions for later: perhaps these are too many.
            if await relay.sessions.give_up():
                await self._ledger(relay.circuit.healthy)
            return
        if await self._ledger(relay.circuit.try_without_mail):
            await self._try(relay)

    async def _try(self, relay: Relay) -> None:
        try:
            await probe(relay.server)
        except Failure as failure:
            await self._ledger(partial(relay.circuit.failed, failure=failure, is_trial=True))
        except asyncio.CancelledError:
            self._write(relay.circuit.not_tried)  # at once: nobody waits for a canceled one
            raise
        else:
            await self._ledger(relay.circuit.healthy)

    def _find_troubled(self) -> list[ServerTrouble]:
        with self._database.read() as connection:
            return circuit.troubled(connection)

    async def _ledger(self, act: Callable[[Connection], T]) -> T:
        return await aside(partial(self._write, act))

    def _write(self, act: Callable[[Connection], T]) -> T:
        with self._database.begin() as connection:
            return act(connection)
