"""Stored templates: kept, found by id or alias, listed, changed, removed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.sql.newest_first import newest_first
from mailroom.ledger.people.program_room import TEMPLATES_OF_PROGRAM, refuse_more
from mailroom.ledger.schema import template_versions, templates
from mailroom.ledger.templates.reach import EVERY_TEMPLATE, OF_PEOPLE

KeptLetter = Mapping[str, Any]
"""What a template says, as content/templates/template_letter.py writes it."""


@dataclass(frozen=True, slots=True)
class ListedTemplate:
    """A template as a list of them shows it: `published` is the number of the version that is sent."""

    id: int
    uid: str
    program_id: int
    user_id: int | None
    name: str
    alias: str | None
    is_changed: bool
    published: int | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def status(self) -> str:
        """draft or published"""
        return "draft" if self.published is None else "published"


@dataclass(frozen=True, slots=True)
class StoredTemplate(ListedTemplate):
    """With its draft, which may have megabytes."""

    letter: KeptLetter


class TemplateName(NamedTuple):
    """A template that can be sent with, as a list of them shows it."""

    uid: str
    name: str


class AliasTaken(ValueError):
    """Its owner has another template of this alias."""


FIND_TEMPLATES = select(*(templates.c[field.name] for field in fields(StoredTemplate)))
LIST_TEMPLATES = select(*(templates.c[field.name] for field in fields(ListedTemplate)))


def add(
    connection: Connection,
    name: str,
    letter: KeptLetter,
    *,
    alias: str | None = None,
    program_id: int = OF_PEOPLE,
    user_id: int | None = None,
) -> str:
    """A new draft; its uid. Raises AliasTaken, ProgramIsFull."""
    if program_id != OF_PEOPLE:
        mine = select(templates.c.id).where(templates.c.program_id == program_id)
        refuse_more(connection, mine, TEMPLATES_OF_PROGRAM, "templates are kept of one program. Delete some.")
    uid = str(uuid.uuid4())
    values = {
        "uid": uid,
        "program_id": program_id,
        "user_id": user_id,
        "name": name,
        "alias": alias,
        "letter": letter,
        "is_changed": True,
        "created_at": now_millis(),
        "updated_at": now_millis(),
    }
    try:
        connection.execute(insert(templates).values(values))
    except IntegrityError:
        raise AliasTaken(alias) from None
    return uid


def find(
    connection: Connection,
    named: str,
    reach: ColumnElement[bool] = EVERY_TEMPLATE,
    *,
    program_id: int = OF_PEOPLE,
    to_change: bool = False,
) -> StoredTemplate | None:
    """The one of this uid or alias, within `reach`. Of several with one alias it is the asking program's
    own, then people's. `to_change`: nobody else changes it before this transaction is over.
    """
    wanted = or_(templates.c.uid == named.lower(), templates.c.alias == named)
    query = FIND_TEMPLATES.where(wanted, reach)
    found = connection.execute(query.with_for_update() if to_change else query)
    rows = [StoredTemplate(*row) for row in found]
    rows.sort(key=lambda one: (one.uid != named.lower(), one.program_id != program_id, one.program_id))
    return rows[0] if rows else None


def page(
    connection: Connection,
    reach: ColumnElement[bool] = EVERY_TEMPLATE,
    *,
    limit: int,
    after_id: int | None = None,
    before_id: int | None = None,
) -> list[ListedTemplate]:
    """Newest first: the next `limit` behind `after_id`, or the last `limit` in front of `before_id`. Without
    what they say: a hundred might have hundreds of megabytes.
    """
    rows, place = LIST_TEMPLATES.where(reach), templates.c.id
    found = newest_first(connection, rows, place, limit=limit, older_than=after_id, newer_than=before_id)
    return [ListedTemplate(*row) for row in found]


def older(connection: Connection, after_id: int | None = None) -> StoredTemplate | None:
    """The next one behind `after_id`, the newest first; with its draft."""
    found = newest_first(connection, FIND_TEMPLATES, templates.c.id, limit=1, older_than=after_id)
    return StoredTemplate(*found[0]) if found else None


def published_names(connection: Connection, limit: int) -> list[TemplateName]:
    """Those that can be sent with, in alphabetical order."""
    query = select(templates.c.uid, templates.c.name).where(templates.c.published.is_not(None))
    rows = connection.execute(query.order_by(func.lower(templates.c.name), templates.c.id).limit(limit))
    return [TemplateName(*row) for row in rows]


def change(
    connection: Connection, template: StoredTemplate, *, name: str, alias: str | None, letter: KeptLetter
) -> None:
    """Its name, its alias, its draft. What is sent stays as it was published. Raises AliasTaken."""
    values: dict[str, Any] = {"name": name, "alias": alias, "updated_at": now_millis()}
    if letter != template.letter:
        values |= {"letter": letter, "is_changed": True}
    try:
        connection.execute(update(templates).where(templates.c.id == template.id).values(values))
    except IntegrityError:
        raise AliasTaken(alias) from None


def remove(connection: Connection, template_id: int) -> bool:
    """With all its versions. Mailings keep what they sent. False: it was not there any more."""
    pipeline.do(connection, delete(template_versions).where(template_versions.c.template_id == template_id))
    return connection.execute(delete(templates).where(templates.c.id == template_id)).rowcount == 1
