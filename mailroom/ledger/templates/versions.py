"""Versions of templates: each publishing keeps one, and the newest is what is sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, literal, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import AnyRow
from mailroom.database.sql.ddl import Id
from mailroom.ledger.schema import template_versions, templates, users
from mailroom.ledger.templates.stored import KeptLetter, StoredTemplate

VERSIONS_KEPT = 100
"""Of a template: the newest. Each may have megabytes."""


class ListedVersion(NamedTuple):
    """A version as a list of them shows it. `by` None: a program or a command."""

    number: int
    published_at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """What was published, when, and by whom; None: by a program or a command."""

    number: int
    uid: str
    letter: KeptLetter
    published_at: datetime
    by: str | None


FIND_VERSIONS = select(
    *(template_versions.c[name] for name in ("number", "uid", "letter", "published_at")), users.c.email
).outerjoin(users, users.c.id == template_versions.c.user_id)

LIST_VERSIONS = FIND_VERSIONS.with_only_columns(
    template_versions.c.number, template_versions.c.published_at, users.c.email
)


def publish(connection: Connection, template: StoredTemplate, user_id: int | None = None) -> int:
    """From this commit on its draft is what is sent; the number of its version. What has not changed since it
    was published needs no further one.
    """
    changed = update(templates).where(templates.c.id == template.id, templates.c.is_changed)
    number = (template.published or 0) + 1
    values = {"published": number, "published_at": now_millis(), "is_changed": False}
    if connection.execute(changed.values(values)).rowcount != 1:
        return template.published or 0
    # Copied in the database: the row is ours since that UPDATE, and what was read before it may be older.
    kept = select(
        templates.c.id,
        literal(number),
        literal(str(uuid.uuid4())),
        templates.c.letter,
        literal(user_id, Id),
        templates.c.published_at,
    ).where(templates.c.id == template.id)
    names = ["template_id", "number", "uid", "letter", "user_id", "published_at"]
    pipeline.do(connection, insert(template_versions).from_select(names, kept))
    mine = template_versions.c.template_id == template.id
    pipeline.do(
        connection,
        delete(template_versions).where(mine, template_versions.c.number <= number - VERSIONS_KEPT),
    )
    return number


def versions_of(connection: Connection, template_id: int, limit: int = 100) -> list[ListedVersion]:
    """Newest first; without what they say."""
    query = LIST_VERSIONS.where(template_versions.c.template_id == template_id)
    newest_first = query.order_by(template_versions.c.number.desc()).limit(limit)
    return [ListedVersion(*row) for row in connection.execute(newest_first)]


def version(connection: Connection, template_id: int, number: int) -> TemplateVersion | None:
    query = FIND_VERSIONS.where(
        template_versions.c.template_id == template_id, template_versions.c.number == number
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _version(row)


def in_use(connection: Connection, template: StoredTemplate) -> TemplateVersion | None:
    """What is sent; None: it was never published."""
    return None if template.published is None else version(connection, template.id, template.published)


def _version(row: AnyRow) -> TemplateVersion:
    return TemplateVersion(*row)
