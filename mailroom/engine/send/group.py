"""Write group: marks and outcomes that are written together, and what is left of them after an error.

Written in the event loop, or asked there, or in a thread beside it: nothing here touches a future.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, TypeVar

import structlog

from mailroom import supervision
from mailroom.database.connection.raw import RawConnection
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.feedback.refusals import blame
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import marks, refused_marks, tries
from mailroom.ledger.deliveries.marks import HandOver, Sent
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.states import State

log = structlog.get_logger()

TRIES_OF_ONE = 40
"""So often an outcome that the ledger refuses for itself is tried, LEDGER_RETRY apart."""


class Asked(NamedTuple):
    """A mark that is asked for, and where its answer goes."""

    mark: HandOver
    answer: Any


T = TypeVar("T", bound=Outcome | Sent | Asked)


@dataclass(slots=True)
class WriteGroup:
    """What is to be written leaves its list at once when it is: after an error the rest is tried again,
    and a mark that was set would be refused the second time.
    """

    troubles: list[Outcome] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    late: list[Sent] = field(default_factory=list)
    unanswered: list[Asked] = field(default_factory=list)

    @property
    def has_outcomes(self) -> bool:
        return bool(self.sent or self.troubles or self.late)

    @property
    def size(self) -> int:
        together = len(self.troubles) + len(self.sent) + len(self.asked)
        return together + len(self.late) + len(self.unanswered)

    def put_before(self, later: WriteGroup) -> WriteGroup:
        """All of both, in order."""
        return WriteGroup(*(getattr(self, each.name) + getattr(later, each.name) for each in fields(self)))


@dataclass(slots=True)
class Written:
    """What came of it."""

    marked: list[Asked] = field(default_factory=list)
    refused: list[tuple[Asked, str]] = field(default_factory=list)  # and why
    failed: list[tuple[Asked, Exception]] = field(default_factory=list)
    away: Exception | None = None  # the ledger


class GroupWriter:
    """Writes one group after the other for one lease. Belongs to the thread of its RawConnection."""

    def __init__(self, database: Database, direct: RawConnection, lease: Lease, rules: FeedbackRules) -> None:
        self._database = database
        self._suppress_after = rules.suppress_after
        self._lease = lease
        self._direct = direct
        self._writer = marks.LeaseWriter(direct, lease)
        self._tries: Counter[int] = Counter()  # of an outcome that could not be written, by its delivery
        self._written = Written()
        self.has_failures = False  # something of it failed for good

    def may_ask(self, group: WriteGroup) -> bool:
        """Whether `ask` does: what is usual, by a connection that is open."""
        return self._writer.may_ask and not (group.troubles or group.late or group.unanswered)

    def ask(
        self,
        loop: asyncio.AbstractEventLoop,
        group: WriteGroup,
        heard: Callable[[Written, Exception | None], None],
    ) -> None:
        """The same as `write`, from the event loop and without waiting. What is left in the group then is to
        be written, with what came of it so far, or `after` the error.
        """
        written = Written()

        def known(recorded: list[bool], marked: list[bool], error: Exception | None) -> None:
            if error is None:
                self._note(group, written, recorded, marked)
            heard(written, error)

        try:
            self._writer.ask(loop, group.sent, [one.mark for one in group.asked], known)
        except ValueError as error:
            loop.call_soon(heard, written, error)

    def write(
        self, group: WriteGroup, written: Written | None = None, after: Exception | None = None
    ) -> Written:
        """Leaves in `group` what is to be tried again. Never raises: then nothing would be tried again."""
        written = self._written = written or Written()
        try:
            if after is not None:
                self._direct.close()
                raise after
            self._write_all(group)
        except LEDGER_AWAY as error:
            written.away = error
        except Exception as error:
            with supervision.attempt("the recorder"):
                log.error("outcomes could not be written together; each is by itself", exc_info=error)
                self._write_one_by_one(group)
        return written

    def _write_all(self, group: WriteGroup) -> None:
        if group.troubles:
            self._write_troubles(group.troubles)
            group.troubles = []
        if group.sent or group.asked:
            self._note(group, self._written, *self._write_together(group.sent, group.asked))
        if group.late:
            self._write_late(group.late)
            group.late = []
        if group.unanswered:
            self._answer_refused(group.unanswered)
            group.unanswered = []

    def _write_troubles(self, troubles: list[Outcome]) -> None:
        with self._database.begin() as connection:
            moved = tries.record_troubles(connection, self._lease, troubles)
            blame(connection, troubles, moved, self._suppress_after)
        self.has_failures |= any(one.state is State.FAILED for one in troubles)

    def _write_together(self, sent: list[Sent], asked: list[Asked]) -> tuple[list[bool], list[bool]]:
        return self._writer.write(sent, [one.mark for one in asked])

    def _note(self, group: WriteGroup, written: Written, recorded: list[bool], marked: list[bool]) -> None:
        """What did not hold is left in the group."""
        sent, asked, group.sent, group.asked = group.sent, group.asked, [], []
        if not all(recorded):
            group.late += [one for one, held in zip(sent, recorded, strict=True) if not held]
        if all(marked):
            written.marked += asked
            return
        for one, held in zip(asked, marked, strict=True):
            (written.marked if held else group.unanswered).append(one)

    def _write_late(self, late: list[Sent]) -> None:
        """We lost the lease before these were on disk. What the server said is true all the same."""
        with self._database.begin() as connection:
            for one in late:
                tries.record_late(connection, *one)

    def _answer_refused(self, unanswered: list[Asked]) -> None:
        with self._database.read() as connection:
            left = [one.mark.delivery_id for one in unanswered]
            why = {r.delivery_id: r.why for r in refused_marks.why_refused(connection, self._lease, left)}
        self._written.refused += [(one, why[one.mark.delivery_id]) for one in unanswered]

    # After an error

    def _write_one_by_one(self, group: WriteGroup) -> None:
        """So that what cannot be written holds up nothing else, and is written without its words."""

        def sent(some: list[Sent]) -> None:
            one = WriteGroup(sent=some)
            self._note(one, self._written, *self._write_together(some, []))
            group.late += one.late

        def asked(some: list[Asked]) -> None:
            one = WriteGroup(asked=some)
            self._note(one, self._written, *self._write_together([], some))
            group.unanswered += one.unanswered

        group.troubles = self._alone(group.troubles, self._write_troubles, _without_words)
        group.sent = self._alone(group.sent, sent, _wordless)
        group.asked = self._alone(group.asked, asked)
        group.late = self._alone(group.late, self._write_late, _wordless)
        group.unanswered = self._alone(group.unanswered, self._answer_refused)

    def _alone(
        self, items: list[T], write: Callable[[list[T]], None], plainer: Callable[[T], T] | None = None
    ) -> list[T]:
        """Writes each of them by itself; what is left, as the ledger went away or an error may pass."""
        left: list[T] = []
        for place, one in enumerate(items):
            if self._written.away is not None:
                return [*left, *items[place:]]
            try:
                self._write_alone(one, write, plainer)
            except LEDGER_AWAY as error:
                self._written.away = error
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
        if isinstance(one, Asked):
            self._written.failed.append((one, error))
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
