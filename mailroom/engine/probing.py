"""Probing of a server in trouble, when no mail tries it.

Pages must not speak of trouble for longer than it lasts.
"""

from __future__ import annotations

import asyncio

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.hold import HoldWatch
from mailroom.engine.send.relay import Relay, Relays
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.smtp.failure import Failure
from mailroom.smtp.probe import probe

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
        with self._database.read() as connection:
            troubled = circuit.troubled(connection)
        for trouble in troubled:
            if trouble.server in self._known:
                await self._see_to(trouble, self._known[trouble.server])

    async def _see_to(self, trouble: ServerTrouble, relay: Relay) -> None:
        if trouble.is_about_us:
            # It lets us in: only a mail could show that it is over.
            with self._database.begin() as connection:
                relay.circuit.reset_when_idle(connection)
            return
        if trouble.stage in ("connect", "ehlo") and relay.sessions.idle:
            # Another worker is refused, and we keep sessions for later: perhaps these are too many.
            if await relay.sessions.give_up():
                self._heal(relay)
            return
        with self._database.begin() as connection:
            is_ours = relay.circuit.try_without_mail(connection)
        if is_ours:
            await self._try(relay)

    async def _try(self, relay: Relay) -> None:
        try:
            await probe(relay.server)
        except Failure as failure:
            with self._database.begin() as connection:
                relay.circuit.failed(connection, failure, is_trial=True)
        except asyncio.CancelledError:
            with self._database.begin() as connection:
                relay.circuit.not_tried(connection)
            raise
        else:
            self._heal(relay)

    def _heal(self, relay: Relay) -> None:
        with self._database.begin() as connection:
            relay.circuit.healthy(connection)
