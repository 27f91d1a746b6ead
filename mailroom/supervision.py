"""Supervision: what runs beside a process's main thread neither fails nor dies without a word.

What comes round again is an `attempt`: a round that fails is logged with its cause, is seen by whoever
asks for `troubles`, and the next one tries again. A thread or a task that ends of an error takes its
process with it: half of a process would hold leases and send nothing. Whoever runs it starts another
one, and leases bring back what it had in hand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger()

TROUBLE_SEEN_FOR = 15.0
"""Seconds for which a failure is told to whoever asks: longer than from one round to the next."""

LOGGED_AGAIN_AFTER = 60.0
"""Seconds until the same failure is logged once more."""

ENDS_WITHIN = 9.0
"""Seconds that a process may take to end in order after a part of it died."""

LONGEST_CAUSE = 300

_failed_at: dict[str, tuple[str, float]] = {}
_logged_at: dict[tuple[str, str], float] = {}
_waiting: set[str] = set()
_dead: list[str] = []


@contextmanager
def attempt(who: str, *waits_for: type[Exception]) -> Iterator[None]:
    """A try that is followed by others: what it raises goes no further. `who` begins a sentence.

    `waits_for`: what is no fault of ours (the ledger or Redis is away): a line when it begins.
    """
    try:
        yield
    except waits_for as error:
        if who not in _waiting:
            log.warning(f"{who} waits until it can go on", reason=cause(error))
        _waiting.add(who)
    except Exception as error:
        failed(who, error)
    else:
        _waiting.discard(who)


@contextmanager
def step(who: str, *raises: type[Exception]) -> Iterator[None]:
    """One of several things to do, whose failure must not keep the others from their turn.

    `raises`: what concerns all of them, and goes up.
    """
    try:
        yield
    except raises:
        raise
    except Exception as error:
        failed(who, error)


def failed(who: str, error: BaseException) -> None:
    """Notes a failure that something comes after, and logs it with its cause."""
    note(who, error)
    kind, now = type(error).__name__, time.monotonic()
    last = _logged_at.get((who, kind))
    if last is None or now - last >= LOGGED_AGAIN_AFTER:
        _logged_at[who, kind] = now
        log.error(f"{who} failed, and tries again", exc_info=error)


def note(who: str, error: BaseException) -> None:
    """The same for a failure that is logged already."""
    _failed_at[who] = type(error).__name__, time.monotonic()


def troubles() -> list[str]:
    """What fails at present, each as half a sentence: who, and the kind of error, in no words of its own."""
    now = time.monotonic()
    return [f"{who} fails ({kind})" for who, (kind, at) in _failed_at.items() if now - at <= TROUBLE_SEEN_FOR]


def beside(who: str, run: Callable[[], object]) -> threading.Thread:
    """Starts a daemon thread, which may return but not die."""

    def supervised() -> None:
        try:
            run()
        except BaseException as error:
            died(who, error)

    thread = threading.Thread(target=supervised, name=who, daemon=True)
    thread.start()
    return thread


def may_not_die(who: str, task: Future[Any]) -> None:
    """A task that ends of an error takes the process with it; to return, or to be canceled, is no error."""

    def look(task: Future[Any]) -> None:
        try:
            error = task.exception()
        except CancelledError:
            return
        if error is not None:
            died(who, error)

    task.add_done_callback(look)


def isolated(who: str, task: asyncio.Task[Any]) -> None:
    """A task that concerns only what it works on: its error is logged and told of, and nobody else ends."""

    def look(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            failed(who, error)

    task.add_done_callback(look)


def of_a_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: what a callback raised, which nobody awaits."""
    if (error := context.get("exception")) is not None:
        failed("the event loop", error)
    else:
        log.error("the event loop has trouble", what=context.get("message"))


def died(who: str, error: BaseException) -> None:
    """Ends this process: in order if it can, and by force soon after."""
    _dead.append(who)
    try:
        threading.Timer(ENDS_WITHIN, os._exit, [1]).start()
    except RuntimeError:  # no thread can be started
        os._exit(1)
    log.critical(f"{who} died; this process ends, and another one takes over", exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)


def has_lost_a_part() -> bool:
    """Whether this process ends because a part of it died: then its exit code is no success."""
    return len(_dead) > 0


def cause(error: BaseException) -> str:
    """Why, in the driver's own words: their first line, for the next ones quote rows."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].strip()
    return said[:LONGEST_CAUSE] or type(error).__name__
