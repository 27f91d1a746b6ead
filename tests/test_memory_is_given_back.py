"""What a large message took is the system's again when it is gone, whichever thread had it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from tests.memory import MEBIBYTE

LARGE_IN_THREADS = """
import threading
from mailroom import memory
from tests.memory import resident
memory.give_back_large()
before = resident()
def have() -> None:
    for _ in range(3):
        large = b"x" * 24_000_000
        small = [bytes(1_000) for _ in range(100)]
        del large
    finished.wait()
    finished.wait()
finished = threading.Barrier(5)
for _ in range(4):
    threading.Thread(target=have).start()
finished.wait()
print(resident() - before)
finished.wait()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library needs no such call")
def test_large_values_stay_in_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE_IN_THREADS], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 15 * MEBIBYTE
