"""In hand: whether something of a batch is being built or sent. Only that is suspect when its worker dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.http.aside import aside
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.batches import Lease


class InHandNote:
    """What the ledger has of it. `has_in_hand`: how it is."""

    def __init__(self, database: Database, lease: Lease, has_in_hand: Callable[[], bool]) -> None:
        self._database = database
        self._lease = lease
        self._has_in_hand = has_in_hand
        self._is_noted = True  # what nobody noted may be
        self._noting = asyncio.Lock()

    async def note(self, in_hand: bool) -> bool:
        """One note after the other: a lane that begins a mail waits for what another one notes.

        False: the ledger is away.
        """
        async with self._noting:
            if self._is_noted is in_hand or (not in_hand and self._has_in_hand()):
                return True
            try:
                await aside(partial(self._write, in_hand))
            except LEDGER_AWAY:
                return False
            self._is_noted = in_hand
            return True

    def _write(self, in_hand: bool) -> None:
        with self._database.begin() as connection:
            batches.note_in_hand(connection, self._lease, in_hand)
