"""Kept line: what one thread asks Redis, question after question, over a connection that it keeps meanwhile.

redis-py takes a connection from its pool for each question, asks the system whether it is still open, and
packs each word by itself. Somebody waits for their mail.
"""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.exceptions import ResponseError


class KeptLine:
    """Of one thread."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: Any = None

    def ask(self, *commands: bytes) -> list[Any]:
        """What Redis answers to each of them, errors included. Raises RedisError when it does not answer."""
        connection = self._connection = self._connection or self._pool.get_connection()
        try:
            connection.send_packed_command([b"".join(commands)])
            # All of them, or the next who has this connection would read what is left.
            return [_answer(connection) for _ in commands]
        except BaseException:
            connection.disconnect()
            self.let_go()
            raise

    def let_go(self) -> None:
        """Others may have its connection. The next question is asked over one that is known to be open."""
        if self._connection is not None:
            self._pool.release(self._connection)
            self._connection = None


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
