"""Every drill, in the order of its fault."""

from __future__ import annotations

from tests.drills import (
    acceptance,
    consent,
    databases,
    hostile,
    kills,
    mail_servers,
    names,
    people,
    postgresql,
    redis,
    repeats,
    returns,
)
from tests.drills.drill import DRILLS, Drill

__all__ = [
    "acceptance",
    "consent",
    "databases",
    "every_drill",
    "hostile",
    "kills",
    "mail_servers",
    "names",
    "people",
    "postgresql",
    "redis",
    "repeats",
    "returns",
]


def every_drill() -> list[Drill]:
    return sorted(DRILLS, key=lambda drill: drill.order)
