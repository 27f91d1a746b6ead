"""Versions of drafts: what a draft was, at every pause of its writing and whenever it was checked or sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.ledger.drafts.contents_of_drafts import drop_unused
from mailroom.ledger.drafts.kept_fields import KeptFields, of_json
from mailroom.ledger.schema import draft_versions, drafts, users

MOST_VERSIONS = 50

APART = timedelta(minutes=1)
"""Between two versions that nobody asked for."""


class Reason(StrEnum):
    """For a version; of one that has several, the last of these counts."""

    PAUSE = "pause"
    RESTORE = "restore"
    CHECK = "check"
    TEST = "test"
    SEND = "send"


REASON_WORDS = {Reason.CHECK: "checked", Reason.TEST: "tested", Reason.SEND: "sent"}
RANKS = {reason: rank for rank, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class DraftVersion:
    """`at`: when it was written; `by`: by whom, None: a program or a command."""

    number: int
    form: KeptFields
    reason: Reason
    at: datetime
    by: str | None

    @property
    def words(self) -> str:
        """What was done with it; nothing for one that was only written."""
        return REASON_WORDS.get(self.reason, "")


FIND_DRAFT_VERSIONS = select(
    draft_versions.c.number,
    draft_versions.c.form,
    draft_versions.c.reason,
    draft_versions.c.at,
    users.c.email,
).outerjoin(users, users.c.id == draft_versions.c.user_id)


def note(connection: Connection, draft_id: int, reason: Reason) -> int:
    """Keeps the draft as it stands, unless that is a version already; the number of its version.

    The caller holds the draft's row.
    """
    row = connection.execute(select(drafts).where(drafts.c.id == draft_id)).one()
    if not row.is_changed:
        mark(connection, draft_id, row.version, reason)
        return int(row.version)
    number = int(row.version) + 1
    values = {
        "draft_id": draft_id,
        "number": number,
        "form": row.form,
        "reason": reason,
        "user_id": row.changed_by,
        "at": row.updated_at,
    }
    pipeline.do(connection, insert(draft_versions).values(values))
    known = {"version": number, "version_at": now_millis(), "is_changed": False}
    pipeline.do(connection, update(drafts).where(drafts.c.id == draft_id).values(known))
    too_old = draft_versions.c.number <= number - MOST_VERSIONS
    if connection.execute(
        delete(draft_versions).where(draft_versions.c.draft_id == draft_id, too_old)
    ).rowcount:
        drop_unused(connection, draft_id, of_json(row.form))
    return number


def mark(connection: Connection, draft_id: int, number: int, reason: Reason) -> None:
    """Says of a version that it was checked, or sent; what says more already stays."""
    lesser = [other for other in Reason if RANKS[other] < RANKS[reason]]
    one = (draft_versions.c.draft_id == draft_id) & (draft_versions.c.number == number)
    pipeline.do(
        connection,
        update(draft_versions).where(one, draft_versions.c.reason.in_(lesser)).values(reason=reason),
    )


def versions_of_draft(connection: Connection, draft_id: int) -> list[DraftVersion]:
    """Newest first."""
    query = FIND_DRAFT_VERSIONS.where(draft_versions.c.draft_id == draft_id)
    rows = connection.execute(query.order_by(draft_versions.c.number.desc()))
    return [_version(*row) for row in rows]


def version_of_draft(connection: Connection, draft_id: int, number: int) -> DraftVersion | None:
    query = FIND_DRAFT_VERSIONS.where(
        draft_versions.c.draft_id == draft_id, draft_versions.c.number == number
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _version(*row)


def _version(number: int, form: dict[str, object], reason: str, at: datetime, by: str | None) -> DraftVersion:
    return DraftVersion(number, of_json(form), Reason(reason), at, by)
