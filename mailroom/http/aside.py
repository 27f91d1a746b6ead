"""Blocking calls beside an event loop, each in a daemon thread of its own.

Not asyncio's thread pool: its few threads serve the mail as well, and a process that ends
waits for them. A stranger's slow name server must hold up neither.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def aside(act: Callable[[], T]) -> T:
    """What `act` returns or raises. Whoever stops waiting lets it end unheard."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as error:
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="aside", daemon=True).start()
    return await asyncio.wrap_future(future)
