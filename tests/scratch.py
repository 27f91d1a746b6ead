"""Where tests write: in memory, where there is room for it.

No test can cut the power. So none needs a disk, and half of the time of a test that writes to SQLite
goes into waiting for one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
ENOUGH = 2 << 30
"""Bytes: several times what a whole run has at once."""


def folder() -> Path:
    """Not below it: a Unix socket's path may be no longer than 107 characters."""
    return IN_MEMORY if _is_usable() else Path("/tmp")


def _is_usable() -> bool:
    return (
        os.access(IN_MEMORY, os.W_OK)
        and not os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC  # some tests make programs
        and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    )
