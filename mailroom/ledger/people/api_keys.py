"""API keys, which programs carry. Only their hashes are kept: a key is shown once, when it is made.

A program is one key, or several that share its mailings: a successor, a reader beside a sender.
"""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from mailroom.database.clock import now_millis
from mailroom.database.engine import AnyRow, Database
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.people.tokens import token_hash
from mailroom.ledger.schema import api_keys, mailings, users

SEND, READ, ADMIN = "send", "read", "admin"
SCOPES = (SEND, READ, ADMIN)
"""`admin` includes the other two, and reaches what other programs handed in."""

RATE = "10000/minute"
"""Requests that a key may make unless it says otherwise: a runaway loop is stopped, work is not."""

PREFIX = "mr_"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 43
"""Characters of ALPHABET that hold 256 random bits."""

NOTED_EVERY_MS = 60_000
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
    program_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_expired: bool
    made_by: str | None = None

    @property
    def state(self) -> str:
        """active, expired or revoked"""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.is_expired else "active"

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def program(self) -> int:
        """To whom belongs what it hands in: the number of the first key among those that share."""
        return self.program_id or self.id

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ADMIN in self.scopes

    def may_send_from(self, address: str) -> bool:
        """Whether the address, or its domain, is among those that the key names."""
        key = address.lower()
        return not self.senders or key in self.senders or key.rpartition("@")[2] in self.senders


class NoSuchKey(LookupError):
    """There is no key of this number."""


class KeyEnded(Exception):
    """The key was revoked, or its time was over, after it had been let in."""


IS_OVER = func.coalesce(api_keys.c.expires_at <= now_millis(), false())
API_KEY_COLUMNS = (*(api_keys.c[name] for name in ApiKey.__slots__ if name in api_keys.c), IS_OVER)
IS_NOT_REVOKED = api_keys.c.revoked_at.is_(None)
FIND_API_KEY = Statement(
    select(*API_KEY_COLUMNS, api_keys.c.key_hash).where(api_keys.c.key_hash == bindparam("wanted"))
)
IS_KEY = api_keys.c.id == bindparam("of_key", type_=BigInteger)
GET_API_KEY = Statement(select(*API_KEY_COLUMNS).where(IS_KEY))
IS_USE_STALE = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now_millis() - NOTED_EVERY_MS)
NOTE_USE = Statement(update(api_keys).where(IS_KEY, IS_USE_STALE).values(last_used_at=now_millis()))


def add(
    connection: Connection,
    name: str,
    *,
    scopes: Sequence[str],
    senders: Sequence[str] = (),
    rate: str = RATE,
    expires_at: datetime | None = None,
    user_id: int | None = None,
    shares_with: int | None = None,
    key: str = "",
) -> tuple[str, int]:
    """A new key, as it is shown this once, and its id. Raises NoSuchKey.

    `key`: of key_of(), for who has to show it in another request; by default a random one.
    `shares_with`: a key, revoked or not, whose program it belongs to.
    """
    key = key or key_of(secrets.token_bytes(64))
    values = {
        "name": name,
        "key_hash": token_hash(key),
        "scopes": list(scopes),
        "senders": [sender.lower() for sender in senders],
        "rate": rate,
        "user_id": user_id,
        "program_id": None if shares_with is None else _program_of(connection, shares_with),
        "created_at": now_millis(),
        "expires_at": expires_at,
    }
    row_id = connection.execute(insert(api_keys).values(values).returning(api_keys.c.id)).scalar_one()
    tell(connection, "an API key is made", key=int(row_id), name=name, scopes=values["scopes"], by=user_id)
    return key, int(row_id)


def key_of(octets: bytes) -> str:
    """The key that these make: 64 octets, as nobody can guess them."""
    number, letters = int.from_bytes(octets), []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return PREFIX + "".join(letters)


def look(database: Database, key: str) -> ApiKey | None:
    """The key of this secret, whatever its state; for who needs nothing else in the same transaction."""
    wanted = token_hash(key)
    return _found(database.look(FIND_API_KEY, wanted=wanted), wanted)


def find(connection: Connection, key: str) -> ApiKey | None:
    """The key of this secret, whatever its state."""
    wanted = token_hash(key)
    return _found(FIND_API_KEY.one(connection, wanted=wanted), wanted)


def _found(row: Sequence[Any] | None, wanted: str) -> ApiKey | None:
    # The index compared hashes, which tell nobody how near a guess was; this is the final word.
    if row is None or not hmac.compare_digest(row[-1], wanted):
        return None
    return _key(row[:-1])


def get(connection: Connection, key_id: int) -> ApiKey | None:
    """The key of this number, as it is now."""
    row = GET_API_KEY.one(connection, of_key=key_id)
    return None if row is None else _key(row)


def look_again(database: Database, key: ApiKey) -> ApiKey | None:
    """The key as it is now, for whoever signed in with it earlier; by itself, in no transaction."""
    row = database.look(GET_API_KEY, of_key=key.id)
    return None if row is None else _key(row)


def reach_of(key: ApiKey) -> ColumnElement[bool]:
    """Row-level authorization: the mailings that this key may see and move, as long as it is active.

    What the API reaches, it reaches through this condition; a transaction that begins after the key's
    end finds nothing.
    """
    is_active = is_valid_now(key)
    return is_active if key.may(ADMIN) else is_active & (mailings.c.program_id == key.program)


def is_valid_now(key: ApiKey | ColumnElement[int]) -> ColumnElement[bool]:
    """Whether it is active when the statement runs: others may have ended it since it was read."""
    key_id = key.id if isinstance(key, ApiKey) else key
    still_valid = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now_millis())
    return select(api_keys.c.id).where(api_keys.c.id == key_id, IS_NOT_REVOKED, still_valid).exists()


def check_valid(connection: Connection, key: ApiKey) -> None:
    """For who is about to write what no reach is asked for. Raises KeyEnded."""
    if not connection.execute(select(is_valid_now(key))).scalar_one():
        raise KeyEnded


def everyone(connection: Connection) -> list[ApiKey]:
    """Newest first, with the email of who made each."""
    query = select(*API_KEY_COLUMNS, users.c.email).outerjoin(users, users.c.id == api_keys.c.user_id)
    return [_key(row) for row in connection.execute(query.order_by(api_keys.c.id.desc()))]


def revoke(connection: Connection, key_id: int) -> bool:
    """From this commit on it opens nothing. False: there is no such key, or it was revoked before."""
    return _revoke(connection, [key_id]) == 1


def revoke_of(connection: Connection, user_id: int, scope: str | None = None) -> list[str]:
    """Revokes what this person made: all keys, or those with the scope. The names of those it ended."""
    query = (
        select(*API_KEY_COLUMNS).where(api_keys.c.user_id == user_id, IS_NOT_REVOKED).order_by(api_keys.c.id)
    )
    keys = [_key(row) for row in connection.execute(query)]
    chosen = [key for key in keys if scope is None or key.may(scope)]
    _revoke(connection, [key.id for key in chosen])
    return [key.name for key in chosen]


def note_use(connection: Connection, key_id: int) -> bool:
    """Writes down that it was used now, unless that was done within NOTED_EVERY_MS."""
    return NOTE_USE.run(connection, of_key=key_id) == 1


def note_use_later(connection: Connection, key_id: int) -> None:
    """The same; nobody waits for the answer."""
    NOTE_USE.do(connection, of_key=key_id)


def _revoke(connection: Connection, key_ids: Sequence[int]) -> int:
    chosen = update(api_keys).where(api_keys.c.id.in_(key_ids), IS_NOT_REVOKED)
    revoked = connection.execute(chosen.values(revoked_at=now_millis())).rowcount
    if revoked:
        tell(connection, "API keys are revoked", keys=list(key_ids))
    return revoked


def _program_of(connection: Connection, key_id: int) -> int:
    key = get(connection, key_id)
    if key is None:
        raise NoSuchKey(key_id)
    return key.program


def _key(row: AnyRow | Sequence[Any]) -> ApiKey:
    return ApiKey(*row)
