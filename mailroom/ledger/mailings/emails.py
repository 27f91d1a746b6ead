"""Emails of the API: shared mailings, listed newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from mailroom.database.engine import AnyRow
from mailroom.database.sql.newest_first import Owner, newest_first
from mailroom.ledger import states
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.schema import IS_EMAIL_OF_A_PROGRAM, contents, deliveries, mailings


def page(
    connection: Connection,
    key: ApiKey,
    *,
    limit: int,
    after_id: int | None = None,
    before_id: int | None = None,
) -> list[int]:
    """The ids of those that this key reaches (api_keys.reach_of), newest first.

    The next `limit` behind `after_id`, or the last `limit` in front of `before_id`.
    """
    ids = select(mailings.c.id).where(mailings.c.kind == "shared", mailings.c.state != states.STAGED)
    owner = None
    if key.may(api_keys.ADMIN):
        ids = ids.where(api_keys.reach_of(key))
    else:  # the same, but found by the index of programs
        ids = ids.where(api_keys.is_valid_now(key), IS_EMAIL_OF_A_PROGRAM)
        owner = Owner(mailings.c.program_id, key.program)
    place = {"older_than": after_id, "newer_than": before_id}
    found = newest_first(connection, ids, mailings.c.id, limit=limit, owner=owner, **place)
    return [row.id for row in found]


def addressed(connection: Connection, mailing_ids: Iterable[int]) -> Mapping[int, Sequence[AnyRow]]:
    """Mailing id -> rows with role, address, name, in the order they were given; Bcc included."""
    columns = (deliveries.c.mailing_id, deliveries.c.role, deliveries.c.address, deliveries.c.name)
    statement = select(*columns).where(deliveries.c.mailing_id.in_(list(mailing_ids)))
    found: dict[int, list[AnyRow]] = defaultdict(list)
    for row in connection.execute(statement.order_by(deliveries.c.id)):
        found[row.mailing_id].append(row)
    return found


def replies_to(connection: Connection, mailing_ids: Iterable[int]) -> Mapping[int, list[str]]:
    """Mailing id -> its Reply-To, without reading what it says."""
    statement = select(contents.c.mailing_id, contents.c.reply_to)
    rows = connection.execute(statement.where(contents.c.mailing_id.in_(list(mailing_ids))))
    return {row.mailing_id: row.reply_to for row in rows}
