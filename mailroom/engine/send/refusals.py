"""Refusals of one batch: those that may be about us are kept back until it ends, the others are noted."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from mailroom.engine.send import verdict
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.recorder import Recorder
from mailroom.engine.send.relay import Relay
from mailroom.engine.send.suspects import Conclusion, Suspects
from mailroom.ledger.batches.batches import Lease, WaitingDelivery
from mailroom.ledger.deliveries import marks
from mailroom.ledger.mailings import mailings
from mailroom.smtp.envelope import Envelope
from mailroom.smtp.failure import Failure

SPARED_AT_MOST_MS = 600_000
"""Milliseconds until those who were refused because of us are due again, at most."""


class Refusals:
    """Belongs to one event loop. `accepted_at`: see BatchSender."""

    def __init__(
        self, relay: Relay, lease: Lease, feed: Feed, recorder: Recorder, accepted_at: int | None
    ) -> None:
        self.accepted_at = accepted_at
        self._relay, self._lease, self._feed, self._recorder = relay, lease, feed, recorder
        self._suspects = Suspects(relay.streak, accepted_at)
        self._conclusion = Conclusion([], [], None, {})

    def cleared(self, envelope: Envelope, marked_at: float) -> None:
        """A mail was taken, so those that were refused before it were refused for themselves."""
        for suspect in self._suspects.cleared(envelope.sender, marked_at):
            self.failed(suspect.delivery, suspect.failure)

    def keep(self, delivery: WaitingDelivery, envelope: Envelope, failure: Failure) -> bool:
        """Keeps one back. False: it is this delivery's own."""
        return self._suspects.take(delivery, failure, envelope.sender)

    def look_further(self) -> bool:
        """Has those tried next who can tell most. False: nothing more is to be tried."""
        return self._suspects.look_further(self._feed)

    def failed(self, delivery: WaitingDelivery, failure: Failure) -> None:
        """Notes what a refusal, or a silence, means for this delivery alone."""
        relay, message = self._relay, self._feed.messages[delivery.mailing_id]
        now_ms = round(time.time() * 1000)
        self._recorder.trouble(
            verdict.of_failure(delivery, failure, message, relay.backoff, relay.server.name, now_ms)
        )

    def conclude(self) -> Conclusion:
        """Nothing more is tried: who failed is noted, and the rest is for spare()."""
        self._conclusion = self._suspects.conclude(self._feed)
        for suspect in self._conclusion.failed:
            self.failed(suspect.delivery, suspect.failure)
        return self._conclusion

    def spare(self, connection: Connection) -> None:
        """Gives back whom no blame belongs to, and pauses the mailings whose sender is refused."""
        server = self._relay.server.name
        for mailing_id, suspect in self._conclusion.held.items():
            mailings.hold(connection, mailing_id, verdict.held_for(suspect, server))
        # Later than the server is tried again: others who wait go first, and show whether it is about us.
        due_in_ms = min(2 * self._relay.circuit.wait_ms(connection), SPARED_AT_MOST_MS)
        spared = self._conclusion.spared
        marks.spare(
            connection, self._lease, [verdict.of_a_spared(suspect, server, due_in_ms) for suspect in spared]
        )
