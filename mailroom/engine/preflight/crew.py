"""Crew: many messages built beside this process, so that it goes on answering; a few are built in it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mailroom.content.content import Content
from mailroom.content.merge.plain import text_of
from mailroom.content.merge.tags import is_plain, plain_pieces
from mailroom.content.preflight.examiner import Examiner, Subjected
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.tally import Odd, Tally
from mailroom.content.recipients.parsed import Recipient

EXAMINED_AT_ONCE = 1_000

HERE_AT_MOST = 1_000
"""Messages of plain tags that are built in this process: some 20 ms."""

LIQUID_HERE_AT_MOST = 5
"""Of Liquid, each of which may be costly."""

WRITTEN_HERE_AT_MOST = 4_000_000
"""Characters of all messages that are built in this process: some 150 ms."""

MOST_BENCHES = 4

SECONDS_FOR_ALL = 60.0
"""For all messages of a preflight. What is dearer is told of, and not built any further."""

PATIENCE_FOR_BENCHES = 10.0
"""Seconds until somebody else's preflight has to be over."""

UNBUILT = (
    "The message takes too long to be built, with those before it: shorten its loops, or try again when "
    "less is to be done here."
)

ROOT_FOLDER = Path(__file__).parents[3]

PREFLIGHTS_AT_ONCE = 3
"""For one at the benches, and those that wait for it: each holds its recipients, and perhaps a request."""

_benches = threading.BoundedSemaphore(1)
_places = threading.BoundedSemaphore(PREFLIGHTS_AT_ONCE)

Chunk = tuple[Sequence[int], Sequence[Recipient]]


class PreflightBusy(Exception):
    """This process has somebody else's preflight under way."""


Tell = Callable[[int], object]
"""Is told how many messages are built."""


def examine(
    letter: Subjected,
    chunks: Iterator[Chunk],
    recipients: Sequence[Recipient],
    tell: Tell,
    patience: float | None,
) -> Tally:
    """What is found in all `chunks` of `recipients`. `patience`: seconds for the one before. Raises
    PreflightBusy.
    """
    if is_quick(letter.content, recipients):
        return _examine_here(letter, chunks, tell)
    with _turn(PATIENCE_FOR_BENCHES if patience is None else patience):
        return _Crew(letter, chunks, tell).examine(-(-len(recipients) // EXAMINED_AT_ONCE))


@contextmanager
def _turn(patience: float) -> Iterator[None]:
    """Raises PreflightBusy."""
    if not _places.acquire(blocking=False):
        raise PreflightBusy
    try:
        if not _benches.acquire(timeout=patience):
            raise PreflightBusy
        try:
            yield
        finally:
            _benches.release()
    finally:
        _places.release()


def is_quick(content: Content, recipients: Sequence[Recipient]) -> bool:
    """Whether so few messages, and so short ones, are built in this process."""
    total = len(recipients)
    sources = (content.subject, content.text, content.html, *(value for _, value in content.headers))
    if total > HERE_AT_MOST or total * sum(map(len, sources)) > WRITTEN_HERE_AT_MOST:
        return False
    if not all(map(is_plain, sources)):
        return total <= LIQUID_HERE_AT_MOST
    uses = Counter(name for source in sources for name in (plain_pieces(source) or ())[1::2])
    values = sum(len(text_of(value)) for one in recipients for value in (one.variables or {}).values())
    return values * max(uses.values(), default=0) <= WRITTEN_HERE_AT_MOST


def _examine_here(letter: Subjected, chunks: Iterator[Chunk], tell: Tell) -> Tally:
    examiner, found, built = Examiner(letter), Tally(), 0
    for rows, recipients in chunks:
        found.add(examiner.examine(rows, recipients))
        built += len(rows)
        tell(built)
    return found


class _Crew:
    """A thread for each bench: takes the next chunk, hands it over, adds up what is found."""

    def __init__(self, letter: Subjected, chunks: Iterator[Chunk], tell: Tell) -> None:
        self._letter, self._chunks, self._tell = letter, chunks, tell
        self._lock = threading.Lock()
        self._found, self._built = Tally(), 0
        self._ends = time.monotonic() + SECONDS_FOR_ALL
        self._trouble: BaseException | None = None

    def examine(self, most: int) -> Tally:
        number = min(MOST_BENCHES, len(os.sched_getaffinity(0)), most)
        threads = [threading.Thread(target=self._run, daemon=True) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._trouble is not None:
            raise self._trouble
        for rows, _ in self._chunks:  # those that nobody came to
            self._note_unbuilt(rows)
        return self._found

    def _note_unbuilt(self, rows: Sequence[int]) -> None:
        with self._lock:
            for row in rows:
                self._found.note(Odd(Kind.TEMPLATE_ERROR, UNBUILT), row, UNBUILT)

    def _run(self) -> None:
        try:
            with _bench(self._ends) as bench:
                self._work_at(bench)
        except BaseException as trouble:  # of the ledger, as of whatever gives the chunks
            self._trouble = trouble

    def _work_at(self, bench: subprocess.Popen[bytes]) -> None:
        assert bench.stdin is not None and bench.stdout is not None
        rows: Sequence[int] = ()
        try:
            pickle.dump(self._letter, bench.stdin)
            while (chunk := self._next()) is not None:
                rows = chunk[0]
                pickle.dump(chunk, bench.stdin)
                bench.stdin.flush()
                self._add(pickle.load(bench.stdout), len(rows))
                rows = ()
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):  # its time was over, or its memory
            self._note_unbuilt(rows)

    def _add(self, tally: Tally, built: int) -> None:
        with self._lock:
            self._found.add(tally)
            self._built += built
            self._tell(self._built)

    def _next(self) -> Chunk | None:
        with self._lock:
            return next(self._chunks, None)


@contextmanager
def _bench(ends: float) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, which is killed when its time is over."""
    bench = subprocess.Popen(
        [sys.executable, "-m", "mailroom.engine.preflight.bench"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT_FOLDER,
        env={name: value for name in HANDED_ON if (value := os.environ.get(name))} | {"PYTHONUTF8": "1"},
    )
    timer = threading.Timer(max(0.0, ends - time.monotonic()), bench.kill)
    timer.daemon = True
    timer.start()
    try:
        yield bench
    finally:
        timer.cancel()
        bench.kill()
        bench.wait()
        for pipe in (bench.stdin, bench.stdout):
            if pipe is not None:
                _close(pipe)


HANDED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
"""Of the environment: nothing that is a secret."""


def _close(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:
        return
