"""HTTP answers, and why there was none: for those who need no client themselves."""

from __future__ import annotations

from dataclasses import dataclass


class NoAnswer(Exception):
    """The other side could not be reached, or did not answer in time; `str()` says which."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: bytes
    retry_after: float | None  # seconds
    content_type: str = ""
