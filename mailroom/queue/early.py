"""Early: a transaction that leaves for Redis while its sender does something else, and is answered later.

It goes over a connection that is open and of which nobody wants anything else, or not at all: to send it
never waits, whatever Redis does.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from redis import Redis

from mailroom.queue.transaction import Transaction, raise_first


class EarlyTransaction:
    """One that was sent. Ended by `arrive` or `forget`."""

    def __init__(self, line: EarlyLine, transaction: Transaction, connection: Any) -> None:
        self._line = line
        self._transaction = transaction
        self._connection = connection

    def arrive(self) -> None:
        """Waits for its answers. Raises RedisError; then Redis may have run it, or not."""
        try:
            errors = self._transaction.read(self._connection)
        except BaseException:
            self.forget()
            raise
        self._line.keep(self._connection)
        raise_first(errors)

    def forget(self) -> None:
        """Nobody asks what became of it."""
        self._line.close(self._connection)


class EarlyLine:
    """The connections for it: as many as are needed at once."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._idle: deque[Any] = deque()

    def send(self, transaction: Transaction) -> EarlyTransaction | None:
        """None: it cannot leave now, and nothing of it is run."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return None
        if connection.pid != os.getpid() or not _leaves_at_once(connection, transaction.octets):
            self.close(connection)
            return None
        return EarlyTransaction(self, transaction, connection)

    def open(self) -> None:
        """Has one ready for the next. May wait. Raises RedisError."""
        if not self._idle:
            self.keep(self._pool.get_connection())

    def keep(self, connection: Any) -> None:
        self._idle.append(connection)

    def close(self, connection: Any) -> None:
        connection.disconnect()
        self._pool.release(connection)


def _leaves_at_once(connection: Any, octets: bytes) -> bool:
    """Whether all of it is on its way. If not, the connection is to be closed, and Redis runs no half."""
    if (sender := connection._sock) is None:  # its pool has closed it
        return False
    patience = sender.gettimeout()
    try:
        sender.settimeout(0)
        left = sender.send(octets) == len(octets)
        sender.settimeout(patience)
    except OSError:
        return False
    return bool(left)
