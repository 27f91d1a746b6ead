"""Health checks: each part of the system is asked by itself and within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TypeVar

from sqlalchemy import func, select

from mailroom.database.clock import now_millis
from mailroom.database.faults import what_to_do
from mailroom.engine import neighbours
from mailroom.ledger import migrate
from mailroom.ledger.schema import mailings, sweeper
from mailroom.ledger.writing import Locked, probe_writing
from mailroom.queue import QueueDown
from mailroom.web import Mailroom

CHECKS_PATIENCE_SECONDS = 2.0
"""Seconds for all checks together."""

SWEEP_EXPECTED = 15_000
"""Milliseconds after which a sweeper that has not been seen is missed."""

SUSPENDED = "The workers rest, for somebody has suspended them (rq suspend); rq resume lets them go on"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One part: whether it works and, in plain words, what was found."""

    name: str
    ok: bool
    why: str


Question = Callable[[Mailroom], str]
"""What was found, in words; raises CheckFailed when it is not good."""


class CheckFailed(Exception):
    """Why a part does not work."""


def ledger(mailroom: Mailroom) -> str:
    if why := migrate.misfit_of(mailroom.database):
        raise CheckFailed(why)
    with mailroom.database.read() as connection:
        # A strangers' question too: it reads a table, and tells nothing of what is in it.
        connection.execute(select(func.max(mailings.c.id)))
    try:
        probe_writing(mailroom.database)
    except Locked:
        raise CheckFailed("somebody holds its lock, and nobody else can write") from None
    return "answers"


def redis(mailroom: Mailroom) -> str:
    if not mailroom.queue.ping():
        raise CheckFailed("Redis does not answer; mailings are accepted and go out when it is back")
    return "answers"


def workers(mailroom: Mailroom) -> str:
    try:
        ours, others = neighbours.workers(mailroom.database, mailroom.queue)
        is_suspended = mailroom.queue.is_suspended()
    except QueueDown as down:
        raise CheckFailed(f"cannot be counted: {down}") from None
    beside = f". {neighbours.words(others)}" if others else ""
    if not ours:
        raise CheckFailed(f"no worker is running; start one: python worker.py{beside}")
    if is_suspended:
        raise CheckFailed(SUSPENDED)
    if troubles := sorted({worker.troubles for worker in ours if worker.troubles}):
        raise CheckFailed(f"{'; '.join(troubles)}: the workers' log says why")
    return f"{len(ours)} running{beside}"


def sweep(mailroom: Mailroom) -> str:
    with mailroom.database.read() as connection:
        age = connection.execute(select(now_millis() - sweeper.c.swept_at)).scalar()
    if age is None:
        raise CheckFailed("has never run; it runs inside the workers: python worker.py")
    if age > SWEEP_EXPECTED:
        raise CheckFailed(f"last ran {age // 1000} s ago; it runs inside the workers")
    return f"last ran {max(0, age)} ms ago"


QUESTIONS: Mapping[str, Question] = {"ledger": ledger, "redis": redis, "workers": workers, "sweeper": sweep}


def ask_all(
    mailroom: Mailroom,
    questions: Mapping[str, Question] = QUESTIONS,
    patience: float = CHECKS_PATIENCE_SECONDS,
) -> list[Check]:
    """All answers, in order; a part that does not answer within `patience` seconds does not work."""
    asked = {name: partial(_answered, mailroom, name, question) for name, question in questions.items()}
    found = within(patience, asked)
    return [found.get(name, silent(name, patience)) for name in questions]


def silent(name: str, patience: float = CHECKS_PATIENCE_SECONDS) -> Check:
    return Check(name, False, f"no answer within {patience:.0f} s")


def within(patience: float, questions: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """The answers that came within so many seconds, all asked at once.

    Each is asked in a thread of its own: a database or network that hangs holds that
    thread, not the one who wants to know.
    """
    found: dict[str, T] = {}

    def ask(name: str, question: Callable[[], T]) -> None:
        found[name] = question()

    threads = [Thread(target=ask, args=item, daemon=True) for item in questions.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)


def _answered(mailroom: Mailroom, name: str, question: Question) -> Check:
    try:
        return Check(name, True, question(mailroom))
    except CheckFailed as trouble:
        return Check(name, False, str(trouble))
    except Exception as error:
        # Else only its kind: a driver's message may quote the URL, password included.
        return Check(name, False, what_to_do(error) or f"does not work ({type(error).__name__})")
