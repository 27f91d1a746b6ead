"""Response models of repeats."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mailroom.ledger.states import RepeatState
from mailroom.web.api.answers.mails import ID, AnswerModel
from mailroom.web.api.requests.fields import one_of


class ListedRepeatAnswer(AnswerModel):
    """A repeat, without what became of its ticks."""

    object: Literal["repeat"] = "repeat"
    id: UUID = Field(examples=[ID])
    state: Annotated[str, one_of(RepeatState)] = Field(examples=["active"])
    from_: str = Field(alias="from", examples=["Acme <hello@acme.example>"])
    subject: str
    total: int = Field(description="Recipients.")
    rule: str = Field(examples=["weekly mon,thu 09:00"])
    zone: str = Field(examples=["Europe/Berlin"])
    sending_hours: str | None = Field(examples=["Mon-Fri 09:00-17:00 Europe/Berlin"])
    next_at: datetime | None = Field(description="Its next tick.")
    ends_at: datetime | None
    times: int | None = Field(description="So many ticks more. Null: without an end.")
    paused_for: str | None = Field(description="Why it paused itself.")
    created_at: datetime


class TickAnswer(AnswerModel):
    """What became of a tick."""

    at: datetime
    mailing: int | None = Field(description="The number of the mailing that it made.")
    by_hand: bool = Field(description="Somebody asked for it, and no rule.")
    why: str = Field(description="Why it made none.")


class RepeatAnswer(ListedRepeatAnswer):
    """A repeat with what is to come, and what became of its last ticks."""

    upcoming: list[datetime]
    ticks: list[TickAnswer] = Field(description="The newest first.")


class RepeatListAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    data: list[ListedRepeatAnswer]
