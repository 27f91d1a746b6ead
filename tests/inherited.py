"""What a process hands on to those that it starts, besides its environment and its folder."""

from __future__ import annotations

import resource
from pathlib import Path

LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
"""Those that tests set."""


def umask() -> int:
    """This process's. os.umask would have to set another one to tell it, for threads as well."""
    return int(Path("/proc/self/status").read_text().partition("Umask:")[2].split()[0], 8)
