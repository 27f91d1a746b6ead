"""Log lines about the ledger: what was committed, and why it cannot be used."""

from __future__ import annotations

import re
from typing import Any

import structlog
from sqlalchemy import Connection, event

log = structlog.get_logger()

_PART = r"[^\s<>\"]"
ADDRESS_IN_WORDS = re.compile(rf"(?<!{_PART})(?={_PART}+@{_PART}){_PART}++")
"""Looked for where a word begins: one that is long takes no time of its length squared."""


def tell(connection: Connection, happened: str, *, is_trouble: bool = False, **about: Any) -> None:
    """A line in the log once the connection's transaction is committed; none if it never is."""
    say = log.warning if is_trouble else log.info
    event.listen(connection, "commit", lambda _: say(happened, **about), once=True)


def without_addresses(words: str) -> str:
    """A server's words for the log, which tells of no recipient."""
    return ADDRESS_IN_WORDS.sub("...", words)
