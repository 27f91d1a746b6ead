"""Transaction (MULTI, EXEC) that is written as it goes over the wire: somebody waits for it in a request.

redis-py's pipeline packs each word by itself and looks at each answer twice, which takes twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ExecAbortError, ResponseError


def packed(*words: str | bytes) -> bytes:
    """As words of a command go over the wire."""
    octets = [word.encode() if isinstance(word, str) else word for word in words]
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in octets])


def command(*words: str | bytes) -> bytes:
    """One command as it goes over the wire."""
    return b"*%d\r\n%b" % (len(words), packed(*words))


MULTI, EXEC = command("MULTI"), command("EXEC")


class Transaction:
    """Commands that are all run, or none of them if one is not understood or Redis is full."""

    def __init__(self) -> None:
        self._commands: list[bytes] = []

    def add(self, *words: str | bytes) -> None:
        self._commands.append(command(*words))

    def add_packed(self, number: int, words: bytes) -> None:
        """A command of so many words."""
        self._commands.append(b"*%d\r\n%b" % (number, words))

    def run(self, redis: Redis) -> None:
        """Raises RedisError: the first one that is among the answers."""
        pool = redis.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_packed_command([self.octets])
            errors = self.read(connection)
        except BaseException:
            connection.disconnect()
            raise
        finally:
            pool.release(connection)
        raise_first(errors)

    @property
    def octets(self) -> bytes:
        """As it goes over the wire."""
        return b"".join([MULTI, *self._commands, EXEC])

    def read(self, connection: Any) -> list[ResponseError]:
        """The errors among its answers."""
        # All of them, or the next who has this connection would read what is left.
        return [found for _ in range(len(self._commands) + 2) for found in _errors(connection)]


def raise_first(errors: Sequence[ResponseError]) -> None:
    """Of a transaction's, the one that says why."""
    for error in errors:
        if not isinstance(error, ExecAbortError) or error is errors[-1]:
            raise error


def _errors(connection: Any) -> list[ResponseError]:
    """Those of the next answer."""
    try:
        answer = connection.read_response()
    except ResponseError as error:
        return [error]
    return [one for one in answer if isinstance(one, ResponseError)] if isinstance(answer, list) else []
