"""Memory that a large value took goes back to the system when the value is gone."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3  # of malloc.h

GIVEN_BACK_FROM = 512 * 1024
"""Octets. Files go through a process in pieces of a megabyte; what mail usually takes is far smaller."""


def give_back_large() -> None:
    """For a program of ours, at its start.

    glibc takes what is freed for what will be wanted again, up to 32 MB: after a large message each thread
    would keep its own heap of that size. Another C library has no such call, and needs none.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, GIVEN_BACK_FROM)
