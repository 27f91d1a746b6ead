"""Findings: what comes out of a batch about its server, and whom its refusals are about."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from mailroom.engine.send import verdict
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.suspects import Conclusion, Suspects
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.deliveries import tries
from mailroom.ledger.mailings import lifecycle
from mailroom.smtp.envelope import Envelope
from mailroom.smtp.failure import Failure

SPARED_AT_MOST_MS = 600_000
"""Milliseconds until those who were refused because of us are due again, at most."""


class Findings:
    """Gathered while mails are sent, then told to the relay and the ledger. Belongs to one event loop."""

    def __init__(
        self, relay: Relay, lease: Lease, feed: Feed, recorder: Recorder, accepted_at: int | None
    ) -> None:
        """`accepted_at`: when the server was last known to work again (ledger's milliseconds), if ever."""
        self.was_heard = False
        self.failure: Failure | None = None  # why nothing can be sent there
        self._relay = relay
        self._lease = lease
        self._feed = feed
        self._recorder = recorder
        self._accepted_at: float | None = None  # when the last mail that was taken was marked (monotonic)
        self._suspects = Suspects(relay.streak, accepted_at)
        self._conclusion = Conclusion([], [], None, {})

    def accepted(self, envelope: Envelope, marked_at: float) -> None:
        """The server takes mails, so those that it refused before were refused for themselves."""
        self.was_heard, self._accepted_at = True, marked_at
        for suspect in self._suspects.cleared(envelope.sender, marked_at):
            self.failed(suspect.delivery, suspect.failure)

    def keeps_back(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        """Whether a refusal may be about us, and is not told of for now."""
        return self._suspects.take(delivery, failure, envelope.sender)

    def look_further(self) -> bool:
        """Has those tried next who can tell most. False: all is known, and nothing more is to be tried."""
        return self._suspects.look_further(self._feed)

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        """Notes what a refusal, or a silence, means for this delivery alone."""
        relay = self._relay
        self._recorder.trouble(verdict.of_failure(delivery, failure, relay.backoff, relay.server.name))

    def conclude(self) -> None:
        """Nothing more is tried."""
        self._conclusion = conclusion = self._suspects.conclude(self._feed)
        for suspect in conclusion.failed:
            self.was_heard = True
            self.failed(suspect.delivery, suspect.failure)
        self.failure = self.failure or conclusion.trouble

    def tell_relay(self, connection: Connection, *, is_trial: bool) -> None:
        """Opens or closes its circuit, by what was found out."""
        self.found_so_far(is_trial=is_trial)(connection)

    def found_so_far(self, *, is_trial: bool) -> Callable[[Connection], None]:
        """Tells the relay of what is found out by now, when it is called."""
        ago = None if self._accepted_at is None else round((time.monotonic() - self._accepted_at) * 1000)
        return partial(
            self._relay.learn,
            lease=self._lease,
            failure=self.failure,
            was_heard=self.was_heard,
            accepted_ms_ago=ago,
            is_trial=is_trial,
        )

    @property
    def spares(self) -> bool:
        """Whether `spare` does anything."""
        return bool(self._conclusion.held or self._conclusion.spared)

    def spare(self, connection: Connection) -> None:
        """Gives back whom no blame belongs to, and pauses the mailings whose sender is refused."""
        if not self.spares:
            return  # as nearly always: the ledger need not be asked for each batch
        server = self._relay.server.name
        for mailing_id, suspect in self._conclusion.held.items():
            lifecycle.hold(connection, mailing_id, verdict.held_for(suspect, server))
        # Later than the server is tried again: others who wait go first, and show whether it is about us.
        due_in_ms = min(2 * self._relay.circuit.wait_ms(connection), SPARED_AT_MOST_MS)
        spared = self._conclusion.spared
        tries.spare(
            connection, self._lease, [verdict.of_a_spared(suspect, server, due_in_ms) for suspect in spared]
        )
