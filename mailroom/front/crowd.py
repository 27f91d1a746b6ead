"""Load shedding: everybody whom no thread works for at present, and who has to go when they are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from mailroom.front.limits import FrontLimits


class CrowdMember(Protocol):
    """`address`: where it comes from. `memory`, `disk`: the bytes that are kept for it."""

    address: str

    @property
    def memory(self) -> int: ...

    @property
    def disk(self) -> int: ...

    @property
    def deadline(self) -> float: ...

    def expire(self) -> None:
        """Its deadline has passed."""

    def drop(self) -> None:
        """Close it at once; it leaves the crowd."""


class Crowd:
    """Those who wait, by their address, in the order in which they began to.

    Nobody is turned away at the door, for then a few could keep out all others. When there is no more
    room for one more, the address with most of them loses the one that waits longest; when what is kept
    for them grows too large, the largest goes.
    """

    def __init__(self, limits: FrontLimits) -> None:
        self._limits = limits
        self._waiting: dict[str, dict[CrowdMember, None]] = {}
        self._number_waiting = 0
        self._members: dict[CrowdMember, tuple[int, int]] = {}
        self.memory = self.disk = 0

    def __len__(self) -> int:
        return len(self._members)

    @property
    def at_work(self) -> int:
        """For how many a thread works now."""
        return len(self._members) - self._number_waiting

    def add(self, member: CrowdMember) -> None:
        self._members[member] = (0, 0)
        self.wait(member)
        self._make_room()

    def wait(self, member: CrowdMember) -> None:
        """From now on it waits, longest of all that come later."""
        self.work(member)
        if member in self._members:
            self._waiting.setdefault(member.address, {})[member] = None
            self._number_waiting += 1

    def work(self, member: CrowdMember) -> None:
        """A thread works for it: it may stay."""
        mates = self._waiting.get(member.address, {})
        if member in mates:
            del mates[member]
            self._number_waiting -= 1
        if not mates:
            self._waiting.pop(member.address, None)

    def remove(self, member: CrowdMember) -> None:
        self.work(member)
        memory, disk = self._members.pop(member, (0, 0))
        self.memory -= memory
        self.disk -= disk

    def measure(self, member: CrowdMember) -> None:
        """Note anew what is kept for it, and make room if that is too much."""
        if member not in self._members:
            return
        memory, disk = self._members[member]
        self._members[member] = member.memory, member.disk
        self.memory += member.memory - memory
        self.disk += member.disk - disk
        self._make_room()

    def waiting(self) -> Iterator[CrowdMember]:
        return (member for mates in list(self._waiting.values()) for member in list(mates))

    @property
    def is_too_large(self) -> bool:
        """Even without those who could be let go."""
        return self.memory > self._limits.memory or self.disk > self._limits.disk

    def shed(self) -> bool:
        """Let one go, of the address that has most. Whether there was anybody."""
        if not self._waiting:
            return False
        crowded = max(self._waiting.values(), key=len)
        next(iter(crowded)).drop()
        return True

    def _make_room(self) -> None:
        limits = self._limits
        while len(self) > limits.connections and self.shed():
            pass
        while self.memory > limits.memory and self._shed_largest(lambda member: member.memory):
            pass
        while self.disk > limits.disk and self._shed_largest(lambda member: member.disk):
            pass

    def _shed_largest(self, size: Callable[[CrowdMember], int]) -> bool:
        largest = max(self.waiting(), key=size, default=None)
        if largest is None or not size(largest):
            return False
        largest.drop()
        return True
