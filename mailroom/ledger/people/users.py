"""The people who may sign in, and the links that sign one of them in."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, String, bindparam, delete, insert, select, update

from mailroom.database.clock import now_millis
from mailroom.database.connection import pipeline
from mailroom.database.engine import Database
from mailroom.database.statement import Statement
from mailroom.database.telling import tell
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.tokens import new_token, token_hash
from mailroom.ledger.schema import sign_in_links, users

LOCAL_OWNER = "owner@localhost"
"""Who a local run belongs to while nobody else was added."""

LINK_LIFETIME_MS = 30 * 24 * 3600 * 1000


FIND_BY_EMAIL = Statement(
    select(users.c.id, users.c.email, users.c.password_hash).where(
        users.c.email == bindparam("of_email", type_=String)
    )
)


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign in; known by e-mail address."""

    id: int
    email: str
    zone: str = field(default="", compare=False)  # the time zone's name; nothing: none is known


class EmailTaken(Exception):
    """There is a user of that e-mail address already."""


def key(email: str) -> str:
    """The same for every spelling of one user's address."""
    return email.strip().lower()


def add(connection: Connection, email: str, password_hash: str | None) -> User:
    """A new user; without a password they sign in by link only. Raises EmailTaken."""
    if by_email(connection, email) is not None:
        raise EmailTaken(key(email))
    values = {"email": key(email), "password_hash": password_hash, "created_at": now_millis()}
    user_id = connection.execute(insert(users).values(values).returning(users.c.id)).scalar_one()
    tell(connection, "somebody may sign in now", user=user_id, email=key(email))
    return User(user_id, key(email))


def by_email(connection: Connection, email: str) -> User | None:
    row = connection.execute(select(users.c.id, users.c.email).where(users.c.email == key(email))).first()
    return User(row.id, row.email) if row else None


def look(database: Database, email: str) -> tuple[User, str | None] | None:
    """The one of this address, and the hash of their password; by itself, in no transaction."""
    row = database.look(FIND_BY_EMAIL, of_email=key(email))
    return None if row is None else (User(row[0], row[1]), row[2])


def password_hash(connection: Connection, user_id: int) -> str | None:
    return connection.execute(select(users.c.password_hash).where(users.c.id == user_id)).scalar()


def hold(connection: Connection, user_id: int) -> str | None:
    """Locks the user's row, and returns the password hash as it is now.

    Whoever gives out authority in somebody's name (a sign-in, a key) holds them first, and looks whether
    they still may: so it comes before a new password or a removal, which end it, or not at all.
    """
    # Not FOR UPDATE: rows that name this user may still be written.
    locked = select(users.c.password_hash).where(users.c.id == user_id).with_for_update(key_share=True)
    return connection.execute(locked).scalar()


def set_password(connection: Connection, user_id: int, password_hash: str) -> list[str]:
    """Ends what is as good as the password before it: links, and keys with `admin` that the user made.

    Returns the names of these keys. Browsers are for the caller to sign out (sign_ins.end_all).
    """
    pipeline.do(connection, update(users).where(users.c.id == user_id).values(password_hash=password_hash))
    pipeline.do(connection, delete(sign_in_links).where(sign_in_links.c.user_id == user_id))
    tell(connection, "a password is changed", user=user_id)
    return api_keys.revoke_of(connection, user_id, api_keys.ADMIN)


def set_zone(connection: Connection, user_id: int, zone: str, *, is_guess: bool = False) -> bool:
    """Keeps the time zone in which they read and plan. A guess counts only while nothing is known."""
    theirs = update(users).where(users.c.id == user_id)
    chosen = theirs.where(users.c.zone.is_(None)) if is_guess else theirs
    return connection.execute(chosen.values(zone=zone)).rowcount == 1


def everybody(connection: Connection) -> list[User]:
    rows = connection.execute(select(users.c.id, users.c.email).order_by(users.c.email))
    return [User(row.id, row.email) for row in rows]


def remove(connection: Connection, user_id: int) -> list[str]:
    """Takes the user, their sign-ins and links away; their mailings stay.

    Revokes every key that they made, for who made a key has seen it. Returns the names of these keys.
    """
    hold(connection, user_id)
    revoked = api_keys.revoke_of(connection, user_id)
    connection.execute(delete(users).where(users.c.id == user_id))
    tell(connection, "somebody may not sign in any more", user=user_id)
    return revoked


def owner_link(connection: Connection) -> str:
    """The token of a link that signs in the one to whom a local run belongs: its first user."""
    first = connection.execute(select(users.c.id).order_by(users.c.id).limit(1)).scalar()
    return make_link(connection, first or add(connection, LOCAL_OWNER, None).id)


def make_link(connection: Connection, user_id: int) -> str:
    """The token of a link that signs the user in, again and again until the next one is made.

    Not for one use only: a link preview or a prefetch would use it up before its owner.
    """
    token = new_token()
    connection.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user_id))
    connection.execute(
        insert(sign_in_links).values(
            token_hash=token_hash(token), user_id=user_id, expires_at=now_millis() + LINK_LIFETIME_MS
        )
    )
    return token


def by_link(connection: Connection, token: str) -> User | None:
    """Whom that link signs in, while it is valid."""
    query = (
        select(users.c.id, users.c.email)
        .join_from(sign_in_links, users)
        .where(sign_in_links.c.token_hash == token_hash(token))
        .where(sign_in_links.c.expires_at > now_millis())
    )
    row = connection.execute(query).first()
    return User(row.id, row.email) if row else None
