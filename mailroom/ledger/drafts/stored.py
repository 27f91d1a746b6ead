"""Stored drafts: added, found, listed, changed, removed, and turned into a mailing.

NotKept            one family: nothing was changed
├── DraftSent      it is a mailing already
└── ChangedElse    somebody else changed it, from where the one who writes never saw it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    bindparam,
    delete,
    insert,
    select,
    true,
    update,
)

from mailroom.database import clock
from mailroom.database.clock import from_millis, now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import Database
from mailroom.database.statement import Statement
from mailroom.database.together import Together
from mailroom.ledger.drafts import contents_of_drafts, versions
from mailroom.ledger.drafts.kept_fields import Blob, KeptFields, of_json
from mailroom.ledger.drafts.room import keep_within, measure
from mailroom.ledger.drafts.versions import APART, Reason
from mailroom.ledger.schema import IS_NOT_SENT, drafts, users

EVERY_DRAFT: ColumnElement[bool] = true()
"""What people who are signed in reach."""

LONGEST_DRAFT_NAME = 200


class NotKept(Exception):
    """Nothing was changed."""


class DraftSent(NotKept):
    """It became a mailing."""


class ChangedElse(NotKept):
    """Somebody else, or another window, changed it meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """One draft. `revision` rises with every change of what it says."""

    id: int
    uid: str
    user_id: int | None
    program_id: int | None
    name: str
    subject: str
    recipients: int | None
    form: KeptFields
    revision: int
    writer: str
    writes: int
    version: int
    version_at: datetime | None
    is_changed: bool
    mailing_id: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def title(self) -> str:
        return self.name or self.subject or "No subject yet"


class ListedDraft(NamedTuple):
    """A draft as a list of them shows it. `by`: who changed it last; None: a program, a command."""

    id: int
    uid: str
    name: str
    subject: str
    recipients: int | None
    octets: int
    updated_at: datetime
    user_id: int | None
    program_id: int | None
    by: str | None

    @property
    def title(self) -> str:
        return self.name or self.subject or "No subject yet"


@dataclass(frozen=True, slots=True)
class Writing:
    """What somebody wrote. `writer`: the page that it was written on; `writes`: its changes by then."""

    form: KeptFields
    blobs: Mapping[str, Blob] = field(default_factory=dict)
    subject: str = ""
    recipients: int | None = None
    user_id: int | None = None
    writer: str = ""
    writes: int = 0


FIND_DRAFTS = select(*(drafts.c[name] for name in StoredDraft.__slots__))
FIND_UID_OF_MAILING = Statement(
    select(drafts.c.uid)
    .where(drafts.c.mailing_id == bindparam("of_mailing", type_=BigInteger))
    .order_by(drafts.c.id)
    .limit(1)
)
LOOK_AT_DRAFT = Statement(FIND_DRAFTS.where(drafts.c.uid == bindparam("of_uid", type_=String)))
LIST_DRAFTS = select(*(drafts.c[name] for name in ListedDraft._fields[:-1]), users.c.email).outerjoin(
    users, users.c.id == drafts.c.changed_by
)


def add(
    connection: Connection, uid: str, writing: Writing, *, program_id: int | None = None, name: str = ""
) -> StoredDraft:
    """A new one, of the person or the program that wrote it. Raises DraftsFull."""
    draft_id = _insert(connection, uid, writing, program_id, name)
    contents_of_drafts.put(connection, draft_id, writing.form.digests, writing.blobs, is_new=True)
    return _measured(connection, draft_id, writing.user_id, program_id)


def _insert(connection: Connection, uid: str, writing: Writing, program_id: int | None, name: str) -> int:
    values = {
        "uid": uid,
        "user_id": writing.user_id,
        "program_id": program_id,
        "name": name[:LONGEST_DRAFT_NAME],
        "revision": 1,
        "octets": 0,
        "version": 0,
        "is_changed": True,
        "created_at": now_millis(),
        **_written(writing),
    }
    return int(connection.execute(insert(drafts).values(values).returning(drafts.c.id)).scalar_one())


def find(
    connection: Connection, uid: str, reach: ColumnElement[bool] = EVERY_DRAFT, *, to_change: bool = False
) -> StoredDraft | None:
    """`to_change`: nobody else changes it before this transaction is over."""
    query = FIND_DRAFTS.where(drafts.c.uid == uid.lower(), reach)
    row = connection.execute(query.with_for_update() if to_change else query).one_or_none()
    return None if row is None else _draft(row._mapping)


def look(database: Database, uid: str) -> StoredDraft | None:
    """The same of all drafts, by itself, in no transaction."""
    row = database.look(LOOK_AT_DRAFT, of_uid=uid.lower())
    return None if row is None else _draft(dict(zip(StoredDraft.__slots__, row, strict=True)))


def uid_of_mailing(connection: Connection, mailing_id: int) -> str | None:
    """Of the draft that became this mailing."""
    found = FIND_UID_OF_MAILING.one(connection, of_mailing=mailing_id)
    return None if found is None else str(found[0])


def page(
    connection: Connection,
    reach: ColumnElement[bool] = EVERY_DRAFT,
    *,
    limit: int,
    before: tuple[datetime, int] | None = None,
) -> list[ListedDraft]:
    """Those that are not sent, changed last first. `before`: time and id of the one that they follow."""
    query = LIST_DRAFTS.where(IS_NOT_SENT, reach)
    if before is not None:
        at, draft_id = before
        query = query.where(
            (drafts.c.updated_at < at) | ((drafts.c.updated_at == at) & (drafts.c.id < draft_id))
        )
    rows = connection.execute(query.order_by(drafts.c.updated_at.desc(), drafts.c.id.desc()).limit(limit))
    return [ListedDraft._make(row) for row in rows]


def change(
    connection: Connection,
    draft: StoredDraft,
    writing: Writing,
    *,
    revision: int | None,
    reason: Reason | None = None,
) -> StoredDraft:
    """What it says from now on, of one that was found to be changed. What stood there long enough, or was
    checked, stays as a version. `revision`: that the writer saw; None: whatever there is. Raises NotKept,
    DraftsFull.
    """
    if draft.mailing_id is not None:
        raise DraftSent
    is_own = writing.writer != "" and writing.writer == draft.writer
    if is_own and writing.writes < draft.writes:
        return draft  # it was overtaken on its way
    is_other = writing.form != draft.form
    if is_other and revision not in (None, draft.revision) and not is_own:
        raise ChangedElse
    if is_other:
        if draft.is_changed and _stood(draft, from_millis(clock.now(connection))):
            versions.note(connection, draft.id, Reason.PAUSE)
        contents_of_drafts.put(connection, draft.id, writing.form.digests, writing.blobs)
        said = {**_written(writing), "revision": draft.revision + 1, "is_changed": True}
        pipeline.do(connection, update(drafts).where(drafts.c.id == draft.id).values(said))
        if draft.form.digests - writing.form.digests:
            contents_of_drafts.drop_unused(connection, draft.id, writing.form)
    if reason is not None:
        versions.note(connection, draft.id, reason)
    if is_other or reason is not None:
        return _measured(connection, draft.id, draft.user_id, draft.program_id)
    return draft


def restore(connection: Connection, draft: StoredDraft, number: int, user_id: int | None) -> bool:
    """Makes it what that version says; what it said is a version, too. False: there is no such version."""
    version = versions.version_of_draft(connection, draft.id, number)
    if version is None:
        return False
    if draft.mailing_id is not None:
        raise DraftSent
    versions.note(connection, draft.id, Reason.RESTORE)
    writing = Writing(version.form, {}, _subject(connection, draft.id, version.form), None, user_id)
    change(connection, _found(connection, draft.id), writing, revision=None)
    return True


def duplicate(connection: Connection, draft: StoredDraft, uid: str, user_id: int | None, name: str) -> None:
    """Another one that says the same, without its versions. Raises DraftsFull."""
    writing = Writing(draft.form, {}, draft.subject, draft.recipients, user_id)
    copy_id = _insert(connection, uid, writing, None, name)
    contents_of_drafts.copy_to(connection, draft.id, copy_id, draft.form.digests)
    _measured(connection, copy_id, user_id, None)


def rename(connection: Connection, draft_id: int, name: str) -> None:
    """ "": it is called as its subject is."""
    named = update(drafts).where(drafts.c.id == draft_id).values(name=name[:LONGEST_DRAFT_NAME])
    pipeline.do(connection, named)


def remove(connection: Connection, draft_id: int) -> bool:
    """With all its versions and files. False: it was not there any more."""
    return connection.execute(delete(drafts).where(drafts.c.id == draft_id)).rowcount == 1


def turn_into(connection: Connection, uid: str, mailing_id: int) -> int | None:
    """Makes it that mailing. If it is one already, the number of that: then nothing is changed."""
    one = drafts.c.uid == uid
    values = {"mailing_id": mailing_id, "updated_at": now_millis()}
    if connection.execute(update(drafts).where(one, IS_NOT_SENT).values(values)).rowcount:
        return None
    return connection.execute(select(drafts.c.mailing_id).where(one)).scalar_one_or_none()


def _stood(draft: StoredDraft, now: datetime) -> bool:
    """Whether it was as it is for a while, or no version was kept for as long."""
    earlier = draft.version_at or draft.created_at
    return now - draft.updated_at >= APART or now - earlier >= APART


def _written(writing: Writing) -> dict[str, Any]:
    return {
        "form": writing.form.as_json(),
        "subject": writing.subject,
        "recipients": writing.recipients,
        "changed_by": writing.user_id,
        "writer": writing.writer,
        "writes": writing.writes,
        "updated_at": now_millis(),
    }


def _subject(connection: Connection, draft_id: int, form: KeptFields) -> str:
    return dict(contents_of_drafts.texts(connection, draft_id, form)).get("subject", "")


def _measured(
    connection: Connection, draft_id: int, user_id: int | None, program_id: int | None
) -> StoredDraft:
    """As it is now. Raises DraftsFull."""
    measure(connection, draft_id)
    reads = Together(connection)
    kept, found = reads.ask(keep_within, user_id, program_id), reads.ask(_found, draft_id)
    kept()
    return found()


def _found(connection: Connection, draft_id: int) -> StoredDraft:
    return _draft(connection.execute(FIND_DRAFTS.where(drafts.c.id == draft_id)).one()._mapping)


def _draft(row: Mapping[Any, Any]) -> StoredDraft:
    return StoredDraft(**{**row, "form": of_json(row["form"])})
