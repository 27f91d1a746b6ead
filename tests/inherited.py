"""What a process hands on to those that it starts, besides its environment and its folder."""

from __future__ import annotations

import os
import resource
from pathlib import Path

LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
"""Those that tests set."""


def umask() -> int:
    """This process's. Where there is no /proc another one is set to be told it, for a moment."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("Umask:")[2].split()[0], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
