"""Together: reads that need nothing of each other, each a plain function, share round trips to PostgreSQL.

In a transaction of `Database.read_at_once` a statement of each leaves before anybody waits; then all go on
with their answers. So a page waits as often as the longest of its reads does, not as all of them do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from greenlet import greenlet
from sqlalchemy import Connection

from mailroom.database.connection import pipeline

P = ParamSpec("P")
T = TypeVar("T")


class Together:
    """Asks what is given to `ask`, all of it at once when the first answer is wanted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Callable[[], object]] = []

    def ask(
        self, read: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], T]:
        """The answer is to be had from what this returns. There whatever `read` raises is raised, too."""
        found: list[Callable[[], T]] = []

        def asked() -> None:
            try:
                value = read(self._connection, *args, **kwargs)
                found.append(lambda: value)
            except Exception as error:
                found.append(partial(_raised, error))

        def answer() -> T:
            if not found:
                self._go()
            return found[0]()

        self._waiting.append(asked)
        return answer

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not pipeline.is_on(self._connection):
            for asked in waiting:
                asked()
            return
        going = [_reader(self._connection, asked) for asked in waiting]
        while going := [reader for reader in going if _goes_on(reader)]:
            pipeline.wait(self._connection)


def _reader(connection: Connection, asked: Callable[[], object]) -> Any:
    """A coroutine, for code that knows of none."""
    reader: Any = greenlet(asked)
    setattr(reader, pipeline.READS_BY, connection)
    reader.gr_context = copy_context()  # Flask finds its request there
    return reader


def _goes_on(reader: Any) -> bool:
    """Lets it read on; False: it is at its end."""
    reader.switch()
    return not reader.dead


def _raised(error: Exception) -> NoReturn:
    raise error
