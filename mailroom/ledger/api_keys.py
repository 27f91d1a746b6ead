"""Keys that programs carry. Only their hashes are kept: a key is shown once, when it is made."""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from mailroom.database import AnyRow
from mailroom.ledger.driven import Driven
from mailroom.ledger.schema import api_keys, users
from mailroom.ledger.tokens import token_hash

SEND, READ, ADMIN = "send", "read", "admin"
SCOPES = (SEND, READ, ADMIN)
"""`admin` includes the other two."""

RATE = "10000/minute"
"""Requests that a key may make unless it says otherwise: a runaway loop is stopped, work is not."""

PREFIX = "mr_"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 43
"""Characters of ALPHABET that hold 256 random bits."""

NOTED_EVERY = timedelta(minutes=1)
"""How old `last_used_at` may become: a request must not cost a write."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret. `senders`: addresses and domains it may send from; empty: all."""

    id: int
    name: str
    scopes: Sequence[str]
    senders: Sequence[str]
    rate: str
    user_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    made_by: str | None = None

    @property
    def state(self) -> str:
        """active, expired or revoked"""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= datetime.now(UTC) else "active"

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ADMIN in self.scopes

    def may_send_from(self, address: str) -> bool:
        """Whether the address, or its domain, is among those that the key names."""
        key = address.lower()
        return not self.senders or key in self.senders or key.rpartition("@")[2] in self.senders


COLUMNS = tuple(api_keys.c[name] for name in ApiKey.__slots__ if name in api_keys.c)
FIND = Driven(select(*COLUMNS, api_keys.c.key_hash).where(api_keys.c.key_hash == bindparam("wanted")))


def add(
    connection: Connection,
    name: str,
    *,
    scopes: Sequence[str],
    senders: Sequence[str] = (),
    rate: str = RATE,
    expires_at: datetime | None = None,
    user_id: int | None = None,
) -> tuple[str, int]:
    """A new key, as it is shown this once, and its id."""
    key = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    values = {
        "name": name,
        "key_hash": token_hash(key),
        "scopes": list(scopes),
        "senders": [sender.lower() for sender in senders],
        "rate": rate,
        "user_id": user_id,
        "created_at": datetime.now(UTC),
        "expires_at": expires_at,
    }
    row_id = connection.execute(insert(api_keys).values(values).returning(api_keys.c.id)).scalar_one()
    return key, int(row_id)


def find(connection: Connection, key: str) -> ApiKey | None:
    """The key of this secret, whatever its state."""
    wanted = token_hash(key)
    row = FIND.one(connection, wanted=wanted)
    # The index compared hashes, which tell nobody how near a guess was; this is the final word.
    if row is None or not hmac.compare_digest(row[-1], wanted):
        return None
    return _key(row[:-1])


def get(connection: Connection, key_id: int) -> ApiKey | None:
    """The key as it is now, for whoever signed in with it earlier."""
    row = connection.execute(select(*COLUMNS).where(api_keys.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def everyone(connection: Connection) -> list[ApiKey]:
    """Newest first, with the email of who made each."""
    query = select(*COLUMNS, users.c.email).outerjoin(users, users.c.id == api_keys.c.user_id)
    return [_key(row) for row in connection.execute(query.order_by(api_keys.c.id.desc()))]


def revoke(connection: Connection, key_id: int) -> bool:
    """From this commit on it opens nothing. False: there is no such key, or it was revoked before."""
    mine = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
    return connection.execute(update(api_keys).where(mine).values(revoked_at=datetime.now(UTC))).rowcount == 1


def note_use(connection: Connection, key_id: int) -> bool:
    """Writes down that it was used now, unless that was done within NOTED_EVERY."""
    now = datetime.now(UTC)
    last = api_keys.c.last_used_at
    stale = or_(last.is_(None), last < now - NOTED_EVERY)
    noted = update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now)
    return connection.execute(noted).rowcount == 1


def _key(row: AnyRow | Sequence[Any]) -> ApiKey:
    return ApiKey(*row)
