"""What a process holds, as the system counts it: what libraries in C take is in it, too."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEBIBYTE = 1 << 20


def peak_of(pid: int | str) -> int:
    """The most resident octets that a process ever had, or since it was set back."""
    return _octets(pid, "VmHWM:")


def resident() -> int:
    """Octets of this process."""
    return _octets("self", "VmRSS:")


@contextmanager
def growing_at_most(octets: int) -> Iterator[None]:
    """Of this process, at any time meanwhile."""
    gc.collect()
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
    yield
    grown = peak_of("self") - before
    assert grown < octets, f"{grown / MEBIBYTE:.0f} MiB, and {octets / MEBIBYTE:.0f} are allowed"


def _octets(pid: int | str, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(name)[2].split()[0]) * 1024
