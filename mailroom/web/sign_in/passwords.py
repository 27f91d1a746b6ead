"""Passwords: argon2, and the same time for a user who does not exist."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailroom.database.engine import Database
from mailroom.ledger.people import users
from mailroom.ledger.people.users import User

SHORTEST, LONGEST = 10, 1000

COMPARED_AT_ONCE = 2
"""Passwords, in a process: argon2 takes 64 MiB for each, and a stranger may send one to every thread."""

_places = threading.BoundedSemaphore(COMPARED_AT_ONCE)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return hashed("nobody has this password")


def problem(password: str) -> str | None:
    """What is wrong with a new password; None when nothing is."""
    if len(password) < SHORTEST:
        return f"A password needs at least {SHORTEST} characters."
    return f"A password has at most {LONGEST} characters." if len(password) > LONGEST else None


def hashed(password: str) -> str:
    with _places:
        return _hasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is that password. Takes as long when there is no hash to compare with."""
    wanted = password_hash or _nobodys_hash()
    try:
        with _places:
            _hasher().verify(wanted, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def user_of(database: Database, email: str, password: str) -> tuple[User | None, str | None]:
    """Who signs in with these, and the hash that was compared; None when nobody does, whatever the reason."""
    user, known = users.look(database, email) or (None, None)
    return (user, known) if matches(known, password) else (None, None)
