"""Sessions: browsers that are signed in. Only hashes of their tokens are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import AnyRow, Database
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.people.tokens import new_token, token_hash
from mailroom.ledger.people.users import User
from mailroom.ledger.schema import sign_ins, users

SIGN_IN_LIFETIME_MS = 30 * 24 * 3600 * 1000
"""Counted from when the browser was last seen."""

SEEN_EVERY_MS = 3600 * 1000
"""How old `seen_at` may become: a page must not cost a write."""


class SignInEnded(Exception):
    """Whoever asks was signed out while what they asked for was read or written."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser of one user."""

    id: int
    user: User
    created_at: datetime
    seen_at: datetime
    user_agent: str
    address: str
    is_stale: bool
    """Whether it is time to write down that it was seen."""


SIGN_IN_COLUMNS = (
    sign_ins.c.id,
    sign_ins.c.created_at,
    sign_ins.c.seen_at,
    sign_ins.c.user_agent,
    sign_ins.c.address,
    (sign_ins.c.seen_at < now_millis() - SEEN_EVERY_MS).label("is_stale"),
    users.c.id.label("user_id"),
    users.c.email,
    func.coalesce(users.c.zone, "").label("zone"),
)
FROM_USERS = select(*SIGN_IN_COLUMNS).join_from(sign_ins, users)
OF_TOKEN = FROM_USERS.where(sign_ins.c.token_hash == bindparam("hash"), sign_ins.c.expires_at > now_millis())

# Made once: every request asks this, and making it costs more than asking.
FIND_SIGN_IN = Statement(OF_TOKEN)
NOTE_SEEN = Statement(
    update(sign_ins)
    .where(sign_ins.c.id == bindparam("of_sign_in", type_=BigInteger))
    .values(seen_at=now_millis(), expires_at=now_millis() + SIGN_IN_LIFETIME_MS)
)


def start(connection: Connection, user_id: int, user_agent: str, address: str) -> str:
    """Signs a browser in and returns its token; clears away what has expired."""
    token = new_token()
    pipeline.do(connection, delete(sign_ins).where(sign_ins.c.expires_at < now_millis()))
    pipeline.do(
        connection,
        insert(sign_ins).values(
            user_id=user_id,
            token_hash=token_hash(token),
            created_at=now_millis(),
            seen_at=now_millis(),
            expires_at=now_millis() + SIGN_IN_LIFETIME_MS,
            user_agent=user_agent[:300],
            address=address[:64],
        ),
    )
    tell(connection, "somebody signed in", user=user_id, address=address[:64])
    return token


def look(database: Database, token: str) -> SignIn | None:
    """Who holds that token, if anybody still does; for who needs nothing else in the same transaction."""
    row = database.look(FIND_SIGN_IN, hash=token_hash(token))
    return None if row is None else _sign_in(row)


def with_facts(facts: Iterable[ColumnElement[bool]]) -> Statement:
    """What look_with_facts() asks."""
    return Statement(OF_TOKEN.add_columns(*(fact.label(f"fact_{n}") for n, fact in enumerate(facts))))


def look_with_facts(
    database: Database, token: str, question: Statement
) -> tuple[SignIn, Sequence[bool]] | None:
    """The same; and whether other things are so, for who needs that as well, in the same round trip."""
    row = database.look(question, hash=token_hash(token))
    if row is None:
        return None
    ends = len(SIGN_IN_COLUMNS)
    return _sign_in(row[:ends]), row[ends:]


def find(connection: Connection, token: str) -> SignIn | None:
    """Who holds that token, if anybody still does."""
    row = FIND_SIGN_IN.one(connection, hash=token_hash(token))
    return None if row is None else _sign_in(row)


def holds(hashed: BindParameter[str]) -> ColumnElement[bool]:
    """Whether a browser is signed in when the statement runs: others may have ended it since it asked.

    `hashed`: its token_hash, for SQLite gives the number of one that was ended to the next.
    """
    mine = (sign_ins.c.token_hash == hashed) & (sign_ins.c.expires_at > now_millis())
    return select(sign_ins.c.id).where(mine).exists()


def _sign_in(row: AnyRow | Sequence[Any]) -> SignIn:
    sign_in_id, created_at, seen_at, user_agent, address, is_stale, user_id, email, zone = row
    return SignIn(
        sign_in_id, User(user_id, email, zone), created_at, seen_at, user_agent, address, bool(is_stale)
    )


def seen(connection: Connection, sign_in_id: int) -> None:
    """Moves its expiry on."""
    NOTE_SEEN.do(connection, of_sign_in=sign_in_id)


def of_user(connection: Connection, user_id: int) -> list[SignIn]:
    """The user's browsers, last seen first."""
    query = FROM_USERS.where(sign_ins.c.user_id == user_id, sign_ins.c.expires_at > now_millis())
    rows = connection.execute(query.order_by(sign_ins.c.seen_at.desc(), sign_ins.c.id.desc()))
    return [_sign_in(row) for row in rows]


def end(connection: Connection, user_id: int, sign_in_id: int) -> bool:
    """Signs one of the user's browsers out; False when it is not theirs, or out already."""
    mine = (sign_ins.c.id == sign_in_id) & (sign_ins.c.user_id == user_id)
    return connection.execute(delete(sign_ins).where(mine)).rowcount == 1


def end_all(connection: Connection, user_id: int, *, but: int | None = None) -> int:
    """Signs all of the user's browsers out, except `but`; returns how many."""
    theirs = delete(sign_ins).where(sign_ins.c.user_id == user_id)
    return connection.execute(theirs.where(sign_ins.c.id != but) if but else theirs).rowcount
