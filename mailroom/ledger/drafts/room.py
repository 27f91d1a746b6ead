"""Room for drafts: how many and how much is kept of each owner, and for how long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Text, cast, delete, exists, func, or_, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.statement import Statement
from mailroom.ledger.schema import contents, draft_blobs, draft_versions, drafts

MOST_DRAFTS, MOST_OF_DRAFTS = 200, 1 << 29
"""Drafts and octets that are kept for one person, or one program, with all versions and files."""

DRAFT_KEPT = timedelta(days=90)
"""After its last change."""


class DraftsFull(Exception):
    """Nothing was kept. `str()` is a sentence."""


def measure(connection: Connection, draft_id: int) -> None:
    """Counts how much is kept of a draft."""
    size = select(func.coalesce(func.sum(draft_blobs.c.size), 0)).where(draft_blobs.c.draft_id == draft_id)
    of_versions = select(func.coalesce(func.sum(func.length(cast(draft_versions.c.form, Text))), 0)).where(
        draft_versions.c.draft_id == draft_id
    )
    octets = size.scalar_subquery() + of_versions.scalar_subquery() + func.length(cast(drafts.c.form, Text))
    pipeline.do(connection, update(drafts).where(drafts.c.id == draft_id).values(octets=octets))


def keep_within(connection: Connection, user_id: int | None, program_id: int | None) -> None:
    """Lets go of this owner's oldest sent drafts while there is too much of them. Raises DraftsFull."""
    mine = of_owner(user_id, program_id)
    query = select(drafts.c.id, drafts.c.octets, drafts.c.mailing_id).where(mine)
    kept = connection.execute(query.order_by(drafts.c.updated_at, drafts.c.id)).all()
    number, octets = len(kept), sum(row.octets for row in kept)
    for row in kept:
        if number <= MOST_DRAFTS and octets <= MOST_OF_DRAFTS:
            return
        if row.mailing_id is not None:
            pipeline.do(connection, delete(drafts).where(drafts.c.id == row.id))
            number, octets = number - 1, octets - row.octets
    if number > MOST_DRAFTS:
        raise DraftsFull(
            f"{MOST_DRAFTS} drafts are kept at the most. Delete some, then this one is kept, too."
        )
    if octets > MOST_OF_DRAFTS:
        raise DraftsFull(
            f"Drafts may have {MOST_OF_DRAFTS >> 20} MB together. Delete some, or take a file away."
        )


def of_owner(user_id: int | None, program_id: int | None) -> ColumnElement[bool]:
    """The drafts of a program, or of a person; or of a command, which is neither."""
    if program_id is not None:
        return drafts.c.program_id == program_id
    return (drafts.c.user_id == user_id) & drafts.c.program_id.is_(None)


IS_TOLD = exists().where(contents.c.mailing_id == drafts.c.mailing_id)
IS_TO_GO = or_(
    drafts.c.updated_at < now_millis() - DRAFT_KEPT // timedelta(milliseconds=1),
    drafts.c.mailing_id.is_not(None) & ~IS_TOLD,
)
"""Old ones, and those of a mailing whose content was deleted."""


FIND_OLD_DRAFT = Statement(select(drafts.c.id).where(IS_TO_GO).limit(1))


def has_old(connection: Connection) -> bool:
    return FIND_OLD_DRAFT.one(connection) is not None


def drop_old(connection: Connection, limit: int = 20) -> int:
    """Deletes some drafts whose time is over; how many."""
    some = select(drafts.c.id).where(IS_TO_GO).limit(limit)
    return connection.execute(delete(drafts).where(drafts.c.id.in_(some), IS_TO_GO)).rowcount
