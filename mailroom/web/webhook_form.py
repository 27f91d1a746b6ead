"""What somebody wants an endpoint to be, checked before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailroom.http.guard import Forbidden, Guard
from mailroom.ledger.webhooks.webhook_events import EVENTS


@dataclass(slots=True)
class WebhookForm:
    """As typed; `problems`: (field, sentence)."""

    url: str = ""
    events: Sequence[str] = tuple(EVENTS)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def problems_of(self, name: str) -> list[str]:
        return [sentence for field_, sentence in self.problems if field_ == name]

    def check(self, guard: Guard) -> bool:
        """Whether it is all right. Asks no name server: a host that is away may come back."""
        try:
            guard.target(self.url)
        except Forbidden as reason:
            self.problems.append(("url", str(reason)))
        self.events = [event for event in EVENTS if event in self.events]
        if not self.events:
            self.problems.append(("events", "Choose at least one event."))
        return not self.problems
