"""Event loop of the workers: uvloop's where that is installed, Python's own elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def _factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:  # neither on Windows, nor on another Python than CPython
        return asyncio.new_event_loop
    return new_event_loop


def new_event_loop() -> asyncio.AbstractEventLoop:
    return _factory()()
