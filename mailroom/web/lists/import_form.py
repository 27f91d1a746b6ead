"""An import on its page: what was typed or chosen, read as on the compose form, and what it would change."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flask import request

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.lists.newcomers import Newcomers, TooManyColumns, newcomers
from mailroom.content.lists.stated_consent import ConsentUnreadable, StatedConsent, stated
from mailroom.database.engine import Database
from mailroom.engine.accept.submission import Submission
from mailroom.engine.lists import importing
from mailroom.engine.lists.arrivals import ImportWish, ListChanges, ListCounts
from mailroom.ledger.lists.kept import KeptList
from mailroom.web.compose import compose_form
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.mends import FILE_LIST, TYPED_LIST, ListEntry
from mailroom.web.compose.recipients import recipients_of
from mailroom.web.compose.review import Review, review_of
from mailroom.web.compose.uploads import Uploads

CONSENT_FIELDS = ("consent_at", "consent_how", "consent_evidence")


@dataclass(slots=True)
class ImportForm:
    """`form`: the recipients, as the compose form has them. `changes`: None until all of it can be read."""

    form: ComposeForm
    typed: dict[str, str] = field(default_factory=dict)
    consent: StatedConsent | None = None
    newcomers: Newcomers | None = None
    review: Review | None = None
    changes: ListChanges | None = None

    @property
    def wish(self) -> ImportWish:
        return ImportWish(replaces=self.typed.get("mode") == "replace", consent=self.consent)

    @property
    def agreed(self) -> ListCounts | None:
        """What the page said that would change when its button was pressed."""
        numbers = self.typed.get("agreed", "").split(",")
        if len(numbers) != 4 or not all(
            one.isascii() and one.isdecimal() and len(one) < 12 for one in numbers
        ):
            return None
        return ListCounts(*map(int, numbers))

    @property
    def to_agree(self) -> str:
        return ",".join(map(str, self.changes.counts)) if self.changes else ""


def blank_import() -> ImportForm:
    return ImportForm(ComposeForm({}), {"mode": "add"})


def read_import(database: Database, into: KeptList, kept: Uploads) -> ImportForm:
    """As the browser sent it. What is wrong is in the form's problems, and then nothing is planned."""
    form = compose_form.from_request(kept)
    given = {
        name: request.form.get(name, "").replace("\0", "").strip()
        for name in ("mode", "agreed", *CONSENT_FIELDS)
    }
    found = ImportForm(form, given)
    try:
        found.consent = stated("", *(given[name] for name in CONSENT_FIELDS))
    except ConsentUnreadable as reason:
        form.refuse("consent_at", str(reason))
    parsed = recipients_of(form)
    found.newcomers = newcomers(parsed)
    # For the suppressions of all mail: nobody knows yet which mail they will get.
    submission = Submission(Content(Address(""), "", ""), parsed.recipients, started=time.perf_counter())
    found.review = review_of(form, submission)
    _note_unfit(found)
    if not form.problems:
        try:
            with database.read() as connection:
                found.changes = importing.plan_import(connection, into, found.newcomers, found.wish)
        except TooManyColumns as reason:
            form.refuse(TYPED_LIST, str(reason))
    form.keep_files(kept)
    return found


def _note_unfit(found: ImportForm) -> None:
    """Rows whose consent cannot be read are left out knowingly, as what cannot be mailed is."""
    assert found.newcomers is not None and found.review is not None
    unfit = found.newcomers.problems()
    if not unfit:
        return
    name = FILE_LIST if found.form.recipients_file else TYPED_LIST
    for problem in unfit:
        found.review.bad.note(ListEntry(name, problem.line, problem.text), problem.message)
    found.review.bad.total += unfit.total - len(unfit)
    if not found.form.leave_out:
        found.form.refuse(name, f"{unfit.total:,} cannot be kept as they are.")
