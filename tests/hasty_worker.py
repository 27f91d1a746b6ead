"""worker.py with a short patience: what waits half a minute in life waits three seconds in a drill.

`python -m tests.hasty_worker [SECONDS_OF_A_LEASE] [worker.py's own words]`
"""

from __future__ import annotations

import sys

import worker
from mailroom.engine import sweeper, worker_process
from mailroom.ledger.batches import batches
from mailroom.ledger.mailings import staging
from mailroom.ledger.relays import circuit
from mailroom.ledger.sweep import rounds
from mailroom.queue import heartbeat
from mailroom.queue import worker as queue_worker

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
    circuit.TRIAL_MS = milliseconds
    heartbeat.BEAT = lease / 6
    heartbeat.WORKER_TTL = vars(queue_worker)["WORKER_TTL"] = max(1, round(lease))


if __name__ == "__main__":
    be_hasty(float(sys.argv[1]))
    sys.exit(worker.main(sys.argv[2:]))
