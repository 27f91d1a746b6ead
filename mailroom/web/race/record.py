"""Record of a race: what it measured, in one small JSON file, so that it can be shown again."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailroom import files

RACE_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
FEWEST_MAILS, USUAL_MAILS, MOST_MAILS = 1, 5, 20
"""Mails in a race: the synchronous half really makes somebody wait two seconds for each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A leg to run: `inline` in the request, or `queued` with at most so many SMTP sessions."""

    kind: str
    sessions: int


PLANS = (Plan("inline", 1), Plan("queued", 5), Plan("queued", 2), Plan("queued", 1))


@dataclass(slots=True)
class Leg:
    """One way of sending the mails, and how long it took. Times are seconds since the epoch."""

    kind: str
    sessions: int
    initiated_at: float
    completed_at: float
    seconds: float  # what the view took, by the monotonic clock
    mailing_id: int | None = None
    last_arrived_at: float | None = None  # the server's 250 for the last mail
    browser_ms: float | None = None  # what the person waited; known only with JavaScript
    error: str = ""

    @property
    def finished(self) -> bool:
        return bool(self.error) or self.last_arrived_at is not None

    @property
    def arrival_seconds(self) -> float | None:
        """From the beginning of the request until the last mail had arrived."""
        return None if self.last_arrived_at is None else max(0.0, self.last_arrived_at - self.initiated_at)

    @property
    def initiated(self) -> datetime:
        return datetime.fromtimestamp(self.initiated_at, UTC)

    @property
    def completed(self) -> datetime:
        return datetime.fromtimestamp(self.completed_at, UTC)


@dataclass(slots=True)
class Race:
    id: str
    mails: int
    created_at: float
    legs: list[Leg] = field(default_factory=list)

    @property
    def inline(self) -> Leg | None:
        return next((leg for leg in self.legs if leg.kind == "inline"), None)

    @property
    def queued(self) -> list[Leg]:
        return [leg for leg in self.legs if leg.kind == "queued"]

    @property
    def next_plan(self) -> Plan | None:
        """The leg to run next; None while one is on its way, or when all are done."""
        if self.legs and not self.legs[-1].finished:
            return None
        return PLANS[len(self.legs)] if len(self.legs) < len(PLANS) else None

    @property
    def finished(self) -> bool:
        return len(self.legs) == len(PLANS) and all(leg.finished for leg in self.legs)

    @property
    def ratio(self) -> float | None:
        """How many times sooner the page answers when the mails are queued."""
        queued = next((leg for leg in self.queued if not leg.error), None)
        if self.inline is None or self.inline.error or queued is None:
            return None
        return self.inline.seconds / max(queued.seconds, 1e-6)

    @property
    def longest(self) -> float:
        """Seconds of the longest bar."""
        return max((max(leg.seconds, leg.arrival_seconds or 0.0) for leg in self.legs), default=1.0)

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_at, UTC)


class Races:
    """The races in `folder`, newest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, mails: int) -> Race:
        now = time.time()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
        race = Race(f"{stamp}-{secrets.token_hex(2)}", mails, now)
        self.save(race)
        return race

    def get(self, race_id: str) -> Race | None:
        if not RACE_ID.fullmatch(race_id):
            return None
        try:
            kept = json.loads(self._path(race_id).read_text(encoding="utf-8"))
            return Race(**{**kept, "legs": [Leg(**leg) for leg in kept["legs"]]})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None  # never run, or written by another version

    def latest(self, limit: int) -> list[Race]:
        names = sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)
        return [race for name in names[:limit] if (race := self.get(name))]

    def save(self, race: Race) -> None:
        files.make_folder(self.folder)
        path = self._path(race.id)
        fresh = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(2)}")
        fresh.write_text(json.dumps(asdict(race)), encoding="utf-8")
        fresh.replace(path)

    @contextmanager
    def running(self, race_id: str) -> Iterator[bool]:
        """Yields False when another request runs a leg of this race; a dead one holds nothing."""
        files.make_folder(self.folder)
        with open(self.folder / f"{race_id}.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _path(self, race_id: str) -> Path:
        return self.folder / f"{race_id}.json"
