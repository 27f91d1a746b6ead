"""Browsers that are signed in. Only hashes of their tokens are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mailroom.database.clock import UtcTime
from mailroom.database.statement import Statement
from mailroom.ledger.people.tokens import new_token, token_hash
from mailroom.ledger.people.users import User
from mailroom.ledger.schema import sign_ins, users

LIFETIME = timedelta(days=30)
"""Counted from when the browser was last seen."""

SEEN_EVERY = timedelta(hours=1)
"""How old `seen_at` may become: a page must not cost a write."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser of one user."""

    id: int
    user: User
    created_at: datetime
    seen_at: datetime
    user_agent: str
    address: str

    @property
    def is_stale(self) -> bool:
        """Whether it is time to write down that it was seen."""
        return datetime.now(UTC) - self.seen_at > SEEN_EVERY


COLUMNS = (
    sign_ins.c.id,
    sign_ins.c.created_at,
    sign_ins.c.seen_at,
    sign_ins.c.user_agent,
    sign_ins.c.address,
    users.c.id.label("user_id"),
    users.c.email,
)
FROM_USERS = select(*COLUMNS).join_from(sign_ins, users)

# Made once: every request asks this, and making it costs more than asking.
FIND = Statement(
    FROM_USERS.where(
        sign_ins.c.token_hash == bindparam("hash"), sign_ins.c.expires_at > bindparam("now", type_=UtcTime)
    )
)


def start(connection: Connection, user_id: int, user_agent: str, address: str) -> str:
    """Signs a browser in and returns its token; clears away what has expired."""
    now, token = datetime.now(UTC), new_token()
    connection.execute(delete(sign_ins).where(sign_ins.c.expires_at < now))
    connection.execute(
        insert(sign_ins).values(
            user_id=user_id,
            token_hash=token_hash(token),
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIME,
            user_agent=user_agent[:300],
            address=address[:64],
        )
    )
    return token


def find(connection: Connection, token: str) -> SignIn | None:
    """Who holds that token, if anybody still does."""
    row = FIND.one(connection, hash=token_hash(token), now=datetime.now(UTC))
    if row is None:
        return None
    sign_in_id, created_at, seen_at, user_agent, address, user_id, email = row
    return SignIn(sign_in_id, User(user_id, email), created_at, seen_at, user_agent, address)


def seen(connection: Connection, sign_in_id: int) -> None:
    """Moves its expiry on."""
    now = datetime.now(UTC)
    connection.execute(
        update(sign_ins).where(sign_ins.c.id == sign_in_id).values(seen_at=now, expires_at=now + LIFETIME)
    )


def of_user(connection: Connection, user_id: int) -> list[SignIn]:
    """The user's browsers, last seen first."""
    query = FROM_USERS.where(sign_ins.c.user_id == user_id, sign_ins.c.expires_at > datetime.now(UTC))
    rows = connection.execute(query.order_by(sign_ins.c.seen_at.desc(), sign_ins.c.id.desc()))
    return [
        SignIn(r.id, User(r.user_id, r.email), r.created_at, r.seen_at, r.user_agent, r.address) for r in rows
    ]


def end(connection: Connection, user_id: int, sign_in_id: int) -> bool:
    """Signs one of the user's browsers out; False when it is not theirs, or out already."""
    mine = (sign_ins.c.id == sign_in_id) & (sign_ins.c.user_id == user_id)
    return connection.execute(delete(sign_ins).where(mine)).rowcount == 1


def end_all(connection: Connection, user_id: int, *, but: int | None = None) -> int:
    """Signs all of the user's browsers out, except `but`; returns how many."""
    theirs = delete(sign_ins).where(sign_ins.c.user_id == user_id)
    return connection.execute(theirs.where(sign_ins.c.id != but) if but else theirs).rowcount
