"""Pagination: which part of a list is asked for, and what is shown of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from pydantic import Field

from mailroom.web.api.requests.letters import RequestModel

T = TypeVar("T")


class OlderPage(RequestModel):
    """Which part of a list, that goes on to older ones."""

    limit: int = Field(default=20, ge=1, le=100)
    after: UUID | None = Field(default=None, description="Those that follow this id, older ones.")

    def shown(self, found: Sequence[T]) -> tuple[Sequence[T], bool]:
        """Those of `found`, where one more than `limit` was looked for; and whether there are more."""
        return found[: self.limit], len(found) > self.limit


class Page(OlderPage):
    """Which part of a list."""

    before: UUID | None = Field(default=None, description="Those that stand before this id, newer ones.")

    def shown(self, found: Sequence[T]) -> tuple[Sequence[T], bool]:
        from_the_end = self.before is not None and self.after is None
        some, more = super().shown(found)
        return (found[-self.limit :] if from_the_end else some), more
