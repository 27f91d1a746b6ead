"""A sink that starts at once, for hundreds of tests: forked, where SinkProcess starts a Python."""

from __future__ import annotations

import os
from typing import Any, cast

from mailroom.sink.process import SinkProcess
from tests.servers import wait_until
from tests.warm_processes import start_python


class WarmSink(SinkProcess):
    def _start(self, *words: str) -> str:
        output = self.record.with_name("sink.log")
        output.unlink(missing_ok=True)  # of the one before
        process = start_python(list(words), os.environ, output)
        self._process = cast(Any, process)
        wait_until(lambda: "\n" in output.read_text() or process.poll() is not None, 20, "the sink")
        return output.read_text().partition("\n")[0]
