"""Machine that was measured on: figures without it mean nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil


def description() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = round(psutil.virtual_memory().total / 2**30)
    python = platform.python_version()
    load = os.getloadavg()[0]
    return (
        f"{cores} cores ({_processor()}), {memory} GiB of memory, {_system()}, Linux {platform.release()}, "
        f"Python {python}; load average {load:.1f} when it began"
    )


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    for line in _lines("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.system()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
