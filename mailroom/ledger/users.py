"""The people who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update

from mailroom.ledger.schema import users


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign in; known by e-mail address."""

    id: int
    email: str


class EmailTaken(Exception):
    """There is a user of that e-mail address already."""


def key(email: str) -> str:
    """The same for every spelling of one user's address."""
    return email.strip().lower()


def add(connection: Connection, email: str, password_hash: str | None) -> User:
    """A new user; without a password they sign in by link only. Raises EmailTaken."""
    if by_email(connection, email) is not None:
        raise EmailTaken(key(email))
    values = {"email": key(email), "password_hash": password_hash, "created_at": datetime.now(UTC)}
    user_id = connection.execute(insert(users).values(values).returning(users.c.id)).scalar_one()
    return User(user_id, key(email))


def ensure(connection: Connection, email: str) -> User:
    """The user of that address, added without a password if need be: a local run's owner."""
    return by_email(connection, email) or add(connection, email, None)


def by_email(connection: Connection, email: str) -> User | None:
    row = connection.execute(select(users.c.id, users.c.email).where(users.c.email == key(email))).first()
    return User(row.id, row.email) if row else None


def password_hash(connection: Connection, user_id: int) -> str | None:
    return connection.execute(select(users.c.password_hash).where(users.c.id == user_id)).scalar()


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))


def everybody(connection: Connection) -> list[User]:
    rows = connection.execute(select(users.c.id, users.c.email).order_by(users.c.email))
    return [User(row.id, row.email) for row in rows]


def remove(connection: Connection, user_id: int) -> None:
    """Takes the user and their sign-ins away; their mailings stay."""
    connection.execute(delete(users).where(users.c.id == user_id))
