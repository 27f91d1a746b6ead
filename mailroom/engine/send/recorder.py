"""Group commit: the last outcomes and the next marks of all sessions in one transaction.

Everything that sessions ask for in two turns of the event loop is written in the one that
follows. So an outcome and the mark after it share a commit, those of several sessions too,
and none of them waits for a clock.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.database.raw import RawConnection
from mailroom.engine.send.outage import LEDGER_RETRY
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.marks import HandOver, Outcome, Sent
from mailroom.supervision import cause

log = structlog.get_logger()

Asked = tuple[HandOver, "asyncio.Future[bool]"]
"""A mark that is asked for, and whether it is set."""

TRIES_OF_ONE = 40
"""So often an outcome that the ledger refuses for itself is tried, LEDGER_RETRY apart."""

T = TypeVar("T", bound=Outcome | Sent | Asked)


class Recorder:
    """Writes for one lease. Belongs to one event loop; closed by `drained`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, database: Database, direct: RawConnection, lease: Lease
    ) -> None:
        self._database = database
        self._lease = lease
        self._writer = marks.LeaseWriter(direct, lease)
        self._loop = loop
        self.marked_at: dict[int, float] = {}
        """When each delivery's mark was committed (monotonic); whoever learns its outcome takes it."""
        self.refused: dict[int, str] = {}
        """Why a delivery's mark was refused."""
        self._asked: list[Asked] = []
        self._sent: list[Sent] = []
        self._troubles: list[Outcome] = []
        self._late: list[Sent] = []
        self._unanswered: list[Asked] = []
        self._tries: Counter[int] = Counter()  # of an outcome that could not be written, by its delivery
        self._is_due = False
        self.is_away = False  # the ledger, as far as we know
        self._drained: asyncio.Future[None] | None = None

    def mark(self, session_id: int, delivery_id: int, dated_at: int | None = None) -> asyncio.Future[bool]:
        """Resolves, once committed, to whether this delivery may be sent; `refused` tells why not.

        `dated_at`: the Date that it bears, kept for a resend (milliseconds).
        """
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._asked.append((HandOver(delivery_id, session_id, dated_at), answer))
        self._soon()
        return answer

    def sent(self, delivery_id: int, code: int, reply: str) -> None:
        """Kept and tried again while the database is away."""
        self._sent.append(Sent(delivery_id, code, reply))
        self._soon()

    def trouble(self, outcome: Outcome) -> None:
        """Kept and tried again while the database is away."""
        self._troubles.append(outcome)
        self._soon()

    async def drained(self) -> None:
        """Returns when every outcome is on disk."""
        if self._sent or self._troubles or self._late:
            self._drained = self._loop.create_future()
            await self._drained

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._later)

    def _later(self) -> None:
        # What arrives in this turn joins: a third less commits than without it.
        self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._asked = [question for question in self._asked if not question[1].done()]
        try:
            self._write_all()
        except Exception as error:
            self._go_on_after(error)
            return
        self._is_due = self.is_away = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _write_all(self) -> None:
        # What is written leaves its list at once: after an error the rest is tried again, and
        # a mark that was set would be refused the second time.
        if self._troubles:
            self._write_troubles(self._troubles)
            self._troubles = []
        if self._sent or self._asked:
            self._write_sent_and_marks(self._sent, self._asked)
            self._sent, self._asked = [], []
        if self._late:
            self._write_late(self._late)
            self._late = []
        if self._unanswered:
            self._answer_refused(self._unanswered)
            self._unanswered = []

    def _write_troubles(self, troubles: list[Outcome]) -> None:
        with self._database.begin() as connection:
            marks.record_troubles(connection, self._lease, troubles)

    def _write_sent_and_marks(self, sent: list[Sent], asked: list[Asked]) -> None:
        recorded, marked = self._writer.write(sent, [mark for mark, _ in asked])
        now = time.monotonic()
        if not all(recorded):
            self._late += [one for one, held in zip(sent, recorded, strict=True) if not held]
        for question, held in zip(asked, marked, strict=True):
            mark, answer = question
            if held:
                self.marked_at[mark.delivery_id] = now
                answer.set_result(True)
            else:
                self._unanswered.append(question)

    def _write_late(self, late: list[Sent]) -> None:
        """We lost the lease before these were on disk. What the server said is true all the same."""
        with self._database.begin() as connection:
            for one in late:
                marks.record_late(connection, *one)

    def _answer_refused(self, unanswered: list[Asked]) -> None:
        with self._database.read() as connection:
            left = [mark.delivery_id for mark, _ in unanswered]
            why = {r.delivery_id: r.why for r in marks.why_refused(connection, self._lease, left)}
        self.refused.update(why)
        for _, answer in unanswered:
            if not answer.done():
                answer.set_result(False)

    # After an error

    def _go_on_after(self, error: Exception) -> None:
        # First of all: nothing that goes wrong here may keep it from being tried again.
        self._loop.call_later(LEDGER_RETRY, self._write)
        if isinstance(error, LEDGER_AWAY):
            self._note_away(error)
        else:
            log.error("outcomes could not be written together; each is by itself", exc_info=error)
            self._write_one_by_one()

    def _note_away(self, error: Exception) -> None:
        if not self.is_away:
            log.warning("the ledger is away; outcomes are kept", reason=cause(error))
        self.is_away = True

    def _write_one_by_one(self) -> None:
        """So that what cannot be written holds up nothing else, and is written without its words."""
        self.is_away = False
        self._troubles = self._alone(self._troubles, self._write_troubles, _without_words)
        self._sent = self._alone(self._sent, lambda some: self._write_sent_and_marks(some, []), _wordless)
        self._asked = self._alone(self._asked, lambda some: self._write_sent_and_marks([], some))
        self._late = self._alone(self._late, self._write_late, _wordless)
        self._unanswered = self._alone(self._unanswered, self._answer_refused)

    def _alone(
        self, items: list[T], write: Callable[[list[T]], None], plainer: Callable[[T], T] | None = None
    ) -> list[T]:
        """Writes each of them by itself; what is left, as the ledger went away or an error may pass."""
        left: list[T] = []
        for place, one in enumerate(items):
            if self.is_away:
                return [*left, *items[place:]]
            try:
                self._write_alone(one, write, plainer)
            except LEDGER_AWAY as error:
                self._note_away(error)
                left.append(one)
            except Exception as error:
                if not self._is_given_up(one, error):
                    left.append(one)
        return left

    def _write_alone(
        self, one: T, write: Callable[[list[T]], None], plainer: Callable[[T], T] | None
    ) -> None:
        try:
            write([one])
        except LEDGER_AWAY:
            raise
        except Exception:
            if plainer is None:
                raise
            write([plainer(one)])

    def _is_given_up(self, one: Outcome | Sent | Asked, error: Exception) -> bool:
        """A mark that cannot be set is an error of its session; an outcome is tried for some seconds.

        Its delivery is then in doubt, as if its worker had died: the batch is left to its lease.
        """
        supervision.failed("the recorder", error)
        if not isinstance(one, Outcome | Sent):
            if not one[1].done():
                one[1].set_exception(error)
            return True
        delivery_id = one.delivery_id
        self._tries[delivery_id] += 1
        if self._tries[delivery_id] < TRIES_OF_ONE:
            return False
        log.error("an outcome cannot be written; its mail is in doubt", delivery=delivery_id)
        return True


def _without_words(trouble: Outcome) -> Outcome:
    return replace(trouble, reply=_plain(trouble.reply))


def _wordless(sent: Sent) -> Sent:
    return sent._replace(reply=_plain(sent.reply))


def _plain(words: str) -> str:
    """What any database can keep of a server's words."""
    return re.sub(r"[^ -~]+", "?", words)
