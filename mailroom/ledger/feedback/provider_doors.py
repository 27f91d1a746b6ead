"""Provider doors: which mail providers may tell what became of a mail, by which URL and which keys.

Keys stand here as they are: what a signature is checked with must be had in full.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, delete, select, update

from mailroom.database.clock import from_millis, now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import Database
from mailroom.database.sql.upsert import Upsert, insert_once
from mailroom.database.statement import Statement
from mailroom.ledger.schema import provider_doors, provider_refusals, provider_tokens

REFUSALS_KEPT = 100
"""Of one provider."""

TOKENS_KEPT_MS = 2 * 24 * 3600 * 1000
"""Longer than a post may be under way."""


@dataclass(frozen=True, slots=True)
class ProviderDoor:
    """`path`: the end of its URL; `keys`: any of them proves a post."""

    provider: str
    path: str
    keys: tuple[str, ...]
    created_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderRefusal:
    """A post that was not believed."""

    at: datetime
    address: str
    words: str


DOOR_COLUMNS = tuple(provider_doors.c[name] for name in ProviderDoor.__slots__)
FIND_DOOR = Statement(
    select(*DOOR_COLUMNS).where(provider_doors.c.path == bindparam("of_path", type_=String))
)


def _opened(insert: Any) -> Any:
    names = ("provider", "path", "keys")
    row = {name: bindparam(name, type_=provider_doors.c[name].type) for name in names}
    kept = {"keys": insert.excluded["keys"]}
    opened = insert.values(**row, created_at=now_millis())
    return opened.on_conflict_do_update(index_elements=("provider",), set_=kept)


OPEN_DOOR = Upsert(provider_doors, _opened)


def every(connection: Connection) -> dict[str, ProviderDoor]:
    """By provider."""
    return {door.provider: door for door in map(_door, connection.execute(select(provider_doors)))}


def look(database: Database, path: str) -> ProviderDoor | None:
    """Whom that path is told to, by itself, in no transaction."""
    row = database.look(FIND_DOOR, of_path=path)
    if row is None:
        return None
    provider, path, keys, created_at, confirmed_at = row
    return ProviderDoor(provider, path, tuple(keys), created_at, confirmed_at)


def of_provider(connection: Connection, provider: str) -> ProviderDoor | None:
    return every(connection).get(provider)


def open_up(connection: Connection, provider: str, keys: Sequence[str]) -> None:
    """A door with these keys, under a new URL; one that is there keeps its own."""
    OPEN_DOOR.run(connection, provider=provider, path=secrets.token_urlsafe(32), keys=list(keys))


def shut(connection: Connection, provider: str) -> None:
    """Its URL leads nowhere any more."""
    pipeline.do(connection, delete(provider_doors).where(provider_doors.c.provider == provider))
    pipeline.do(connection, delete(provider_refusals).where(provider_refusals.c.provider == provider))


def confirmed(connection: Connection, provider: str) -> None:
    """Its wish to be told was answered."""
    changed = update(provider_doors).where(provider_doors.c.provider == provider)
    connection.execute(changed.values(confirmed_at=now_millis()))


def use_token(connection: Connection, digest: str, said: str) -> bool:
    """Whether what proves one post only proves this one: new, or the same post again."""
    if is_first(connection, digest, said):
        return True
    before = select(provider_tokens.c.said).where(provider_tokens.c.digest == digest)
    return bool(connection.execute(before).scalar_one_or_none() == said)


def is_first(connection: Connection, digest: str, said: str = "") -> bool:
    """Whether nobody has told this before."""
    is_old = provider_tokens.c.at < now_millis() - TOKENS_KEPT_MS
    pipeline.do(connection, delete(provider_tokens).where(is_old))
    row = {"digest": digest, "said": said, "at": now_millis()}
    return insert_once(connection, provider_tokens, [row]) > 0


def note_refusal(connection: Connection, provider: str, address: str, words: str) -> None:
    """Of each provider the last REFUSALS_KEPT are kept."""
    table = provider_refusals
    row = {"provider": provider, "address": address, "words": words, "at": now_millis()}
    pipeline.do(connection, table.insert().values(row))
    mine = table.c.provider == provider
    oldest = select(table.c.id).where(mine).order_by(table.c.id.desc()).offset(REFUSALS_KEPT).limit(1)
    pipeline.do(connection, delete(table).where(mine, table.c.id <= oldest.scalar_subquery()))


def refusals(connection: Connection, provider: str, limit: int) -> list[ProviderRefusal]:
    """The newest first."""
    table = provider_refusals
    found = select(table.c.at, table.c.address, table.c.words).where(table.c.provider == provider)
    rows = connection.execute(found.order_by(table.c.id.desc()).limit(limit))
    return [ProviderRefusal(from_millis(at), address, words) for at, address, words in rows]


def _door(row: Any) -> ProviderDoor:
    found = dict(row._mapping)
    return ProviderDoor(**{**found, "keys": tuple(found["keys"])})
