"""Preflight: all messages of a plan, and a report of what is odd, by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress

from mailroom.content.content import Attachment
from mailroom.content.merge.tags import has_tags
from mailroom.content.preflight.empties import EmptyTags
from mailroom.content.preflight.examiner import Subjected
from mailroom.content.preflight.kinds import KINDS_IN_ORDER, ROWS_NAMED, Kind, PreflightFinding
from mailroom.content.preflight.letter import Remark, remarks_of, tags_of
from mailroom.content.preflight.sentences import sentence_of
from mailroom.content.preflight.tally import Odd, Tally
from mailroom.content.recipients.parsed import Recipient, keys_of
from mailroom.database.engine import Database
from mailroom.engine.letterhead import link_place
from mailroom.engine.preflight import crew
from mailroom.engine.preflight.crew import Chunk
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.engine.preflight.relay_limit import ASKED_FROM, relay_limit
from mailroom.ledger.consent import scopes
from mailroom.ledger.mailings import insertion
from mailroom.settings import Settings

OVERHEAD = 500
"""Octets of a file's own header and boundary, about."""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """`recipients`: who would get it. `refuses`: Send would not take it as it is."""

    recipients: int
    findings: Sequence[PreflightFinding]
    refuses: bool = False


def preflight(
    database: Database,
    settings: Settings,
    plan: PreflightPlan,
    tell: Callable[[int], object] = lambda built: None,
    patience: float | None = None,
) -> PreflightReport:
    """`tell` is told how many messages are built. Raises PreflightBusy, and what the ledger raises."""
    from mailroom.engine.preflight import (
        sender_domain,  # the DNS takes megabytes, and most processes try nothing
    )

    content = plan.content
    told_of_domain = sender_domain.ask(content.sender.domain, settings.resolver)
    tags = tags_of(content, plan.columns)
    remarks = [*tags.remarks, *remarks_of(content)]
    chunks, tally = _Chunks(database, plan), Tally()
    built = crew.examine(_letter(plan, settings), chunks.each(), plan.recipients, tell, patience)
    for part in (plan.known, chunks.suppressed, built):
        tally.add(part)
    remarks += [Remark(Kind.SENDER_DOMAIN, sentence) for sentence in told_of_domain()]
    for_all = [PreflightFinding(*remark, chunks.number, chunks.first_rows) for remark in remarks]
    beside = EmptyTags(content, tags.unknown).beside if tags.can_be_built else str
    for_some = [
        PreflightFinding(odd.kind, sentence, found.count, found.rows)
        for odd, found in tally
        if (sentence := sentence_of(odd, found, beside))
    ]
    found = sorted([*for_all, *for_some], key=lambda one: KINDS_IN_ORDER.index(one.kind))
    lost = tally.count(Kind.TEMPLATE_ERROR)
    refuses = any(one.kind in REFUSED_AT_SEND for one in remarks) or built.count(Kind.UNKNOWN_VARIABLE) > 0
    return PreflightReport(chunks.number - lost, found, refuses)


REFUSED_AT_SEND = (Kind.UNKNOWN_VARIABLE, Kind.TEMPLATE_ERROR)
"""Remarks for which Send refuses the whole mailing."""


def _letter(plan: PreflightPlan, settings: Settings) -> Subjected:
    content = plan.content
    files = sum(map(_octets, content.attachments))
    is_large = files + len(content.text) + len(content.html) >= ASKED_FROM
    return Subjected(
        content=replace(content, attachments=tuple(_bare(content.attachments))),
        columns=plan.columns,
        place=link_place(settings),
        files=files,
        limit=relay_limit(settings) if is_large else None,
        has_template=plan.has_template,
    )


def _bare(files: Iterable[Attachment]) -> Iterator[Attachment]:
    """Those with a name to be filled, without what is in them."""
    for file in files:
        if has_tags(file.filename):
            yield Attachment(file.filename, file.content_type, b"", file.content_id)


def _octets(file: Attachment) -> int:
    """In base64, in lines of 76."""
    return -(-file.size // 57) * 78 + OVERHEAD


class _Chunks:
    """The recipients, some at a time, without those who are on the suppression list."""

    def __init__(self, database: Database, plan: PreflightPlan) -> None:
        content = plan.content
        self._database, self._plan = database, plan
        self._audience = scopes.audience(content.purpose, content.sender.address, content.list_name)
        self.suppressed = Tally()
        self.number = 0
        self.first_rows: list[int] = []

    def each(self) -> Iterator[Chunk]:
        plan, size = self._plan, crew.EXAMINED_AT_ONCE
        for start in range(0, len(plan.recipients), size):
            rows, recipients = plan.rows[start : start + size], plan.recipients[start : start + size]
            yield self._mailable(rows, recipients)

    def _mailable(self, rows: Sequence[int], recipients: Sequence[Recipient]) -> Chunk:
        keys = keys_of(recipients)
        with self._database.read() as connection:
            _, listed = insertion.look(connection, keys, self._audience)
        if listed:
            free = [key not in listed for key in keys]
            for row, recipient, is_free in zip(rows, recipients, free, strict=True):
                if not is_free:
                    self.suppressed.note(Odd(Kind.SUPPRESSED), row, recipient.address)
            rows, recipients = list(compress(rows, free)), list(compress(recipients, free))
        self.number += len(rows)
        if len(self.first_rows) < ROWS_NAMED:
            self.first_rows = [*self.first_rows, *rows][:ROWS_NAMED]
        return rows, recipients
