"""Review of the lists before Send: what is odd in them, entry by entry. Suppressions are the ledger's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mailroom.content.recipients.parsed import Parsed, Problem, Recipient, keys_of
from mailroom.content.recipients.role_addresses import is_role
from mailroom.content.recipients.suggestions import suggested
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.rows import audience_of
from mailroom.engine.accept.submission import Submission
from mailroom.in_parts import in_parts
from mailroom.ledger.mailings import insertion
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import MOST_SHOWN, ComposeForm
from mailroom.web.compose.list_choice import KEPT_LIST
from mailroom.web.compose.mends import FILE_LIST, TYPED_LIST, ListEntry

NO_LIST = (TYPED_LIST, Parsed())

PLACE_WORDS = {TYPED_LIST: "line", FILE_LIST: "row"}


@dataclass(frozen=True, slots=True)
class Oddity:
    """An entry, what there is to say of it, and what it was probably meant to be."""

    entry: ListEntry
    message: str = ""
    suggestion: str = ""

    @property
    def place(self) -> str:
        """`line 3`; `row 3 of the file`."""
        if not self.entry.line:
            return ""
        where = f"{PLACE_WORDS[self.entry.list_name]} {self.entry.line:,}"
        return f"{where} of the file" if self.entry.list_name == FILE_LIST else where


@dataclass(slots=True)
class Oddities:
    """The first of them, and how many there are."""

    shown: list[Oddity] = field(default_factory=list)
    total: int = 0
    suggestions: int = 0

    def note(self, entry: ListEntry, message: str = "", suggestion: str = "") -> None:
        self.total += 1
        self.suggestions += bool(suggestion)
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(Oddity(entry, message, suggestion))

    @property
    def more(self) -> int:
        return self.total - len(self.shown)


@dataclass(slots=True)
class Review:
    """Of all lists together; `file` is the one that is shown as a table, when there is one."""

    recipients: int
    file: Parsed | None
    bad: Oddities = field(default_factory=Oddities)
    misspelt: Oddities = field(default_factory=Oddities)
    twice: Oddities = field(default_factory=Oddities)
    suppressed: Oddities = field(default_factory=Oddities)
    roles: Oddities = field(default_factory=Oddities)

    @property
    def reached(self) -> int:
        """How many get it."""
        return self.recipients - self.suppressed.total

    @property
    def people(self) -> Sequence[Sequence[str]]:
        """The first rows of the file that are people's."""
        table = self.file.table if self.file else None
        return self.file.first_rows[table.start :] if self.file and table else ()

    @property
    def tags(self) -> dict[int, str]:
        """By position of the column."""
        table = self.file.table if self.file else None
        return dict(table.variables) if table else {}

    @property
    def suggestions(self) -> int:
        return self.bad.suggestions + self.misspelt.suggestions


def review_of(form: ComposeForm, submission: Submission) -> Review:
    """Of the lists that `submission_of` found in the form."""
    file = form.lists.get(FILE_LIST)
    review = Review(len(submission.recipients), file if file and (file.table or file.sheets) else None)
    for name, parsed in form.lists.items():
        for problem in _told(parsed):
            review.bad.note(
                ListEntry(name, problem.line, problem.text), problem.message, suggested(problem.text)
            )
        review.bad.total += parsed.problems.total - len(parsed.problems)
        for problem in parsed.duplicates:
            review.twice.note(ListEntry(name, problem.line, problem.text), problem.message)
        review.twice.total += parsed.duplicates.total - len(parsed.duplicates)
        for recipient in parsed.recipients:
            if name != KEPT_LIST and (better := suggested(recipient.address)):  # that is mended on its page
                review.misspelt.note(_entry(name, parsed, recipient), "", better)
            if is_role(recipient.address):
                review.roles.note(_entry(name, parsed, recipient))
    _ask_ledger(review, form, submission)
    return review


def _told(parsed: Parsed) -> Sequence[Problem]:
    """What is wrong with entries; a list that cannot be read at all is told of at its field."""
    return () if parsed.refusal else parsed.problems


def _entry(name: str, parsed: Parsed, recipient: Recipient) -> ListEntry:
    return ListEntry(name, parsed.lines_of.get(recipient.key, 0), recipient.address)


def _ask_ledger(review: Review, form: ComposeForm, submission: Submission) -> None:
    audience = audience_of(submission)
    with suppress(*LEDGER_AWAY), mailroom().database.read() as connection:
        for some in in_parts(submission.recipients, thresholds.STAGED_AT_ONCE):
            _, listed = insertion.look(connection, keys_of(some), audience)
            for recipient in some if listed else ():
                if recipient.key in listed:
                    name, parsed = _list_of(form, recipient)
                    review.suppressed.note(_entry(name, parsed, recipient))


def _list_of(form: ComposeForm, recipient: Recipient) -> tuple[str, Parsed]:
    lists = ((name, one) for name, one in form.lists.items() if recipient.key in one.lines_of)
    return next(lists, (KEPT_LIST, form.lists[KEPT_LIST]) if KEPT_LIST in form.lists else NO_LIST)
