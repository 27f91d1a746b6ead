"""Circuit breaker: the worker's side of ledger/relays/circuit.py, for the server of one relay.

All of it works in the caller's transaction: what was learned is written with what came of it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.relays import circuit
from mailroom.ledger.relays.circuit import Admission
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

    def healthy(self, connection: Connection) -> None:
        """Closes the circuit: the server does its work."""
        circuit.healthy(connection, self._server)

    def failed(self, connection: Connection, failure: Failure, *, is_trial: bool) -> None:
        """Opens the circuit, for as long as the server asked if it did."""
        asked = failure.reply.retry_after if failure.reply else None
        circuit.failed(
            connection,
            self._server,
            failure.stage,
            failure.code,
            failure.message,
            is_trial=is_trial,
            pause_ms=asked * 1000 if asked else None,
        )

    def serves_others(self, connection: Connection, lease: Lease) -> bool:
        """Whether the server works for another batch at this moment, a parked one of ours included."""
        return circuit.serves_others(connection, self._server, lease.route, lease.batch_id, lease.owner)
