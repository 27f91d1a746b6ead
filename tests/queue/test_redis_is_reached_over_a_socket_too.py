from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from mailroom.local import parent_death, valkey
from mailroom.queue import BULK, Queue
from tests.queue.stage import Stage
from tests.servers import wait_until


def test_a_batch_goes_out_and_comes_in(tmp_path: Path, stage: Callable[..., Stage]) -> None:
    path = tmp_path / "s"
    config = tmp_path / "valkey.conf"
    config.write_text(f"port 0\nunixsocket {path}\nrequirepass secret\nsave ''\n")
    server = subprocess.Popen(parent_death.command(valkey.command(config)), stdout=subprocess.DEVNULL)
    url = f"unix://:secret@{path}"
    queue = Queue(url)
    try:
        wait_until(queue.ping)
        queue.enqueue([(1, 0, 5, BULK)])
        workers = stage(url, "--burst", "--pool", "1")
        assert workers.wait() == 0
        assert workers.batches() == [1]
    finally:
        server.kill()
        server.wait()
