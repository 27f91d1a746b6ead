"""worker.py with a short patience: what waits half a minute in life waits three seconds in a drill.

`python -m tests.hasty_worker [SECONDS_OF_A_LEASE] [worker.py's own words]`
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import worker
from mailroom import host_names
from mailroom.engine import sweeper, worker_process
from mailroom.ledger.batches import batches
from mailroom.ledger.mailings import staging
from mailroom.ledger.relays import circuit
from mailroom.ledger.sweep import rounds
from mailroom.queue import heartbeat
from mailroom.queue import worker as queue_worker
from tests.held_up import queued

LEASE = 3.0


def be_hasty(lease: float = LEASE) -> None:
    """All proportions stay: a lease is renewed in thirds, a silent worker is dead when it is over."""
    milliseconds = round(lease * 1000)
    batches.LEASE_MS = milliseconds
    staging.STAGING_LEASE_MS = min(staging.STAGING_LEASE_MS, milliseconds)
    sweeper.LOOKED_FOR_AFTER_MS = milliseconds // 3
    # Not in proportion: a gap is longer than a round, and shorter than what is left of a lease.
    rounds.GAP_MS = max(1_500, milliseconds // 6)
    worker_process.WORKER_BUSY_TIMEOUT_MS = milliseconds // 10
    circuit.FIRST_PAUSE_MS = milliseconds // 6
    host_names.FRESH_FOR = lease / 6
    circuit.TRIAL_MS = milliseconds
    heartbeat.BEAT = lease / 6
    heartbeat.WORKER_TTL = vars(queue_worker)["WORKER_TTL"] = max(1, round(lease))


LOOP_STANDS_STILL = 0.25
"""Seconds. asyncio's slow_callback_duration, less the time in which others had the processor.

The thread that has the interpreter's lock may be the one that waits for a processor: then all wait with it.
"""


def watch_loops() -> None:
    """Has the log tell of each callback of an event loop that held it up for so long."""
    run = asyncio.Handle._run

    def watched(handle: asyncio.Handle) -> None:
        began, before = time.monotonic(), queued()
        run(handle)
        took = time.monotonic() - began
        if took >= LOOP_STANDS_STILL:
            took -= max(now - before.get(thread, 0.0) for thread, now in queued().items())
        if took >= LOOP_STANDS_STILL:
            print(f"the loop stood still for {took:.2f} s: {handle!r}", file=sys.stderr, flush=True)

    vars(asyncio)["Handle"]._run = watched


def ask(says: Path) -> None:
    """In place of the resolver: names are where this file says; while it is empty, nobody answers."""
    real = socket.getaddrinfo

    def asked(host: Any, *more: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, *more, **options)
        until = time.monotonic() + 4
        while not (address := says.read_text()):
            if time.monotonic() > until:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            time.sleep(0.05)
        return real(address, *more, **options)

    socket.getaddrinfo = asked


if __name__ == "__main__":
    be_hasty(float(sys.argv[1]))
    if says := os.environ.get("SAYS"):
        ask(Path(says))
    if "WATCH_LOOPS" in os.environ:
        watch_loops()
    sys.exit(worker.main(sys.argv[2:]))
