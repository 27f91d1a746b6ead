"""Response models of a mailing's report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mailroom.ledger.states import MAILING_STATES
from mailroom.web.api.answers.mails import ID, AnswerModel, DeliveryState
from mailroom.web.api.requests.fields import one_of


class FigureAnswer(AnswerModel):
    """One figure of a report."""

    name: str = Field(examples=["bounced"])
    number: int = Field(examples=[12])
    share: float | None = Field(
        description="0 to 1. Of `bounced`, `complained` and `unsubscribed`: of what the mail server took; "
        "else of all recipients.",
        examples=[0.012],
    )


class ReasonDomainAnswer(AnswerModel):
    """How many of a reason's recipients are at a domain."""

    domain: str
    number: int


class ReasonAnswer(AnswerModel):
    """What servers said: replies that differ in names, numbers, addresses and links only."""

    code: int | None = Field(examples=[550])
    status: str = Field(description="The enhanced status code, if there is one.", examples=["5.1.1"])
    words: str = Field(examples=["user unknown"])
    number: int
    counts: dict[DeliveryState, int]
    example: str = Field(examples=["5.1.1 <ann@example.org>: User unknown"])
    domains: list[ReasonDomainAnswer] = Field(description="The ten with most of them.")


class DomainAnswer(AnswerModel):
    """What became of the mail to one domain. Times: from the first try to the mail server's 250."""

    domain: str = Field(examples=["example.org"])
    number: int = Field(description="Recipients.")
    counts: dict[DeliveryState, int]
    deferred: int = Field(description="How many had more than one try, or wait for another.")
    tries: int
    most_tries: int
    median_ms: int | None
    p95_ms: int | None


class TimeAnswer(AnswerModel):
    """How many were in each state at a time."""

    at: datetime
    counts: dict[DeliveryState, int]


class ReturnedAnswer(AnswerModel):
    """How many had come back until a time."""

    at: datetime
    bounced: int
    complained: int


class ReportAnswer(AnswerModel):
    """What became of a mailing, in figures."""

    object: Literal["report"] = "report"
    id: UUID = Field(examples=[ID])
    number: int = Field(description="Its page is `/mailings/<number>/report`.", examples=[42])
    state: Annotated[str, one_of(MAILING_STATES)] = Field(examples=["done"])
    is_live: bool = Field(description="Whether something may still change by itself, before long.")
    figures: list[FigureAnswer]
    first_handed_over_at: datetime | None
    last_handed_over_at: datetime | None
    per_second: float | None = Field(description="Mails that the mail server took, between these two.")
    median_ms: int | None = Field(description="Half of what was sent took no longer.")
    p95_ms: int | None = Field(description="95 % of it took no longer.")
    reasons: list[ReasonAnswer] = Field(description="The 50 most frequent.")
    other_reasons: int = Field(description="Recipients with a reason that is not among these.")
    domains: list[DomainAnswer] = Field(description="The 20 with most recipients.")
    number_of_domains: int
    slowest_domains: list[DomainAnswer] = Field(description="The 20 whose mail took longest.")
    course: list[TimeAnswer] = Field(description="States over time, at 100 times at most.")
    returned: list[ReturnedAnswer] = Field(description="What came back over time, likewise.")
