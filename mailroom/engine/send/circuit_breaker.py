"""Circuit breaker: the worker's side of ledger/relays/circuit.py, for the server of one relay.

All of it works in the caller's transaction: what was learned is written with what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import Admission
from mailroom.smtp.blame import quota_pause, told_moment
from mailroom.smtp.failure import Failure


class CircuitBreaker:
    """Shared by all workers: what one of them learns of the server holds for every one."""

    def __init__(self, server: str) -> None:
        self._server = server

    def admit(self, connection: Connection) -> Admission:
        """Asked before a batch is sent."""
        return circuit.admit(connection, self._server)

    def try_without_mail(self, connection: Connection) -> bool:
        """Whether this worker, alone, may see if the server is back, as no mail does."""
        return circuit.try_without_mail(connection, self._server)

    def keep_trying(self, connection: Connection) -> None:
        """This worker's trial goes on."""
        circuit.keep_trying(connection, self._server)

    def not_tried(self, connection: Connection) -> None:
        """This worker's trial tried nothing: the next one's turn."""
        circuit.not_tried(connection, self._server)

    def healthy(self, connection: Connection, accepted_ms_ago: int | None = None) -> bool:
        """Closes the circuit: the server does its work. False: it stays as it is."""
        return circuit.healthy(connection, self._server, accepted_ms_ago)

    def accepted_later(self, connection: Connection) -> Callable[[], int | None]:
        """Asks when the server took a mail again after its last trouble; milliseconds by the ledger, to be
        had from what it returns.
        """
        return circuit.accepted_later(connection, self._server)

    def reset_when_idle(self, connection: Connection) -> bool:
        """Forgets a trouble about us when its time is over and no mail waits."""
        return circuit.reset_when_idle(connection, self._server)

    def wait_ms(self, connection: Connection) -> int:
        """For how long nobody may use it."""
        return circuit.wait_ms(connection, self._server)

    def failed(self, connection: Connection, failure: Failure, *, is_trial: bool) -> None:
        """Opens the circuit, for as long as the server asked if it did."""
        asked = _asked(failure, is_again=is_trial) if failure.reply else None
        circuit.failed(
            connection,
            self._server,
            failure.stage,
            failure.code,
            failure.message,
            is_trial=is_trial,
            pause_ms=asked,
        )

    def serves_others(self, connection: Connection, lease: Lease) -> bool:
        """Whether the server works for another batch at this moment, a parked one of ours included."""
        return circuit.serves_others(connection, self._server, lease.route, lease.batch_id, lease.owner)


def _asked(failure: Failure, *, is_again: bool) -> int | None:
    """Milliseconds to leave the server alone, where its words tell. `is_again`: they were believed once."""
    reply = failure.reply
    assert reply is not None
    now = datetime.now(UTC)
    pause = told_moment(reply, now) or (reply.told_wait and timedelta(seconds=reply.told_wait))
    if not pause and failure.stage in circuit.ABOUT_US:
        pause = quota_pause(reply, now, is_again=is_again)
    return round(pause.total_seconds() * 1000) if pause else None
