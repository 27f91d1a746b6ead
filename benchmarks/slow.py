"""A mail server that takes its time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailroom.sink import SinkProcess


@contextmanager
def slow_sink(seconds: float) -> Iterator[SinkProcess]:
    """Answers each final dot after so many seconds; records what comes."""
    with (
        tempfile.TemporaryDirectory(prefix="mailroom-sink-") as folder,
        SinkProcess(Path(folder), [f"any: delay dot {seconds:g}"]) as sink,
    ):
        yield sink
