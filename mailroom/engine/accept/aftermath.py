"""Aftermath: what follows the commit of an acceptance. It is on disk, whatever goes wrong here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


@contextmanager
def aftermath(step: str) -> Iterator[None]:
    """Around a step that must not turn the answer into an error: what it raises is logged, and over.

    Who was told of an error tries again, and everybody would get the mail twice.
    """
    try:
        yield
    except Exception:
        log.exception("the answer stands; a step after it failed", step=step)
