"""PYTHONPATH comes before .venv: what is there would be imported in place of the pinned packages."""

from __future__ import annotations

import os
import sys


def forget() -> None:
    """A local run has all that it needs in .venv: it is begun anew without PYTHONPATH, with its children."""
    is_ours = sys.prefix != sys.base_prefix and not sys.flags.ignore_environment
    if is_ours and os.environ.pop("PYTHONPATH", ""):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
