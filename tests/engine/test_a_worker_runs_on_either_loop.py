"""A worker's event loop is uvloop's where that is installed, and Python's own where it is not."""

from __future__ import annotations

import asyncio

import pytest

from mailroom.engine.event_loop import new_event_loop


@pytest.mark.usefixtures("each_loop")
def test_it_is_the_one_that_is_there(request: pytest.FixtureRequest) -> None:
    loop = new_event_loop()
    kind, expected = type(loop), request.node.callspec.params["each_loop"]
    loop.close()
    assert kind.__module__.partition(".")[0] == expected
    assert issubclass(kind, asyncio.AbstractEventLoop)
