"""Form of a webhook endpoint, checked before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailroom.http.guard import Forbidden, Guard
from mailroom.ledger.webhooks.webhook_events import EVENTS
from mailroom.web.form_problems import FormProblems


@dataclass(slots=True)
class WebhookForm(FormProblems):
    """As typed; `problems`: (field, sentence)."""

    url: str = ""
    events: Sequence[str] = tuple(EVENTS)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def check(self, guard: Guard) -> bool:
        """Whether it is all right. Asks no name server: a host that is away may come back."""
        try:
            guard.target(self.url)
        except Forbidden as reason:
            self.refuse("url", str(reason))
        self.events = [event for event in EVENTS if event in self.events]
        if not self.events:
            self.refuse("events", "Choose at least one event.")
        return not self.problems
