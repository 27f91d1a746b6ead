"""Put mails onto a peer's queue: python -m benchmarks.peers.fill celery_mails 3000. Prints the seconds."""

from __future__ import annotations

import importlib
import sys
import time

if __name__ == "__main__":
    peer = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}")
    peer.enqueue(0)  # opens the connection
    began = time.perf_counter()
    for number in range(1, int(sys.argv[2])):
        peer.enqueue(number)
    print(time.perf_counter() - began)
