"""Passwords at argon2's least cost, which no setting allows: `cost_little()`, in tests' processes only."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher

from mailroom.web.sign_in import passwords

as_ever = passwords._hasher


@cache
def _cheap_hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def cost_little() -> None:
    passwords._hasher = _cheap_hasher
