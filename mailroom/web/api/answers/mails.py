"""Response models: the OpenAPI document is made of them, and views fill them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mailroom.content.preflight.kinds import Kind
from mailroom.ledger.states import MAILING_STATES, LastEvent, State
from mailroom.web.api.requests.fields import one_of

DeliveryState = Annotated[str, one_of(State)]

ID = "4ef9a417-02e9-4d39-ad75-9611e0fcc33c"


class AnswerModel(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)


class ErrorAnswer(AnswerModel):
    """What went wrong: `name` for the program, `message` for a person."""

    statusCode: int = Field(examples=[422])
    name: str = Field(examples=["validation_error"])
    message: str = Field(examples=["`to`: An email address must have an @-sign."])


class SentEmailAnswer(AnswerModel):
    """Accepted: it is on disk, and goes out."""

    id: UUID = Field(examples=[ID])


class BatchErrorAnswer(AnswerModel):
    """One email of a permissive batch that was left out."""

    index: int = Field(description="Its place in the array, from 0.")
    message: str


class SentBatchAnswer(AnswerModel):
    """The ids, in the order of the accepted emails."""

    data: list[SentEmailAnswer]
    errors: list[BatchErrorAnswer] | None = Field(
        default=None, description="Only with permissive validation."
    )


class ChangedEmailAnswer(AnswerModel):
    object: Literal["email"] = "email"
    id: UUID = Field(examples=[ID])


class ListedEmailAnswer(AnswerModel):
    """An email, without what it says."""

    id: UUID = Field(examples=[ID])
    message_id: str = Field(examples=[f"<{ID}@acme.example>"])
    from_: str = Field(alias="from", examples=["Acme <hello@acme.example>"])
    to: list[str] = Field(examples=[["Ann Lee <ann@example.org>"]])
    cc: list[str] | None
    bcc: list[str] | None
    reply_to: list[str] | None
    subject: str = Field(examples=["Hello from Mailroom"])
    created_at: datetime
    scheduled_at: datetime | None
    last_event: Annotated[str, one_of(LastEvent)] = Field(examples=["sent"])


class EmailListAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    data: list[ListedEmailAnswer]


class TagAnswer(AnswerModel):
    name: str
    value: str


class DeliveryAnswer(AnswerModel):
    """One recipient, and the last words of the mail server."""

    id: int
    address: str = Field(examples=["ann@example.org"])
    name: str
    role: Literal["to", "cc", "bcc"]
    state: DeliveryState = Field(examples=["sent"])
    attempts: int
    code: int | None = Field(examples=[250])
    reply: str | None = Field(examples=["2.0.0 Ok: queued as 4BX2"])
    message_id: str = Field(examples=[f"<{ID}@acme.example>"])
    updated_at: datetime
    complained_at: datetime | None = Field(description="When its recipient called it spam.")


class EmailAnswer(ListedEmailAnswer):
    """An email with all that is known of it."""

    object: Literal["email"] = "email"
    html: str | None
    text: str | None
    tags: list[TagAnswer]
    deliveries: list[DeliveryAnswer] = Field(description="One for each recipient, Bcc included.")


class AcceptedMailingAnswer(AnswerModel):
    """Accepted: it is on disk, and goes out."""

    object: Literal["mailing"] = "mailing"
    id: UUID = Field(examples=[ID])
    number: int = Field(description="Its page is `/mailings/<number>`.", examples=[42])
    total: int = Field(description="Recipients.", examples=[2])
    duplicates: int = Field(description="Addresses that were given more than once, and dropped.")


class MailingAnswer(AcceptedMailingAnswer):
    """A mailing and how many of its deliveries are in which state."""

    state: Annotated[str, one_of(MAILING_STATES)] = Field(examples=["active"])
    from_: str = Field(alias="from", examples=["Acme <hello@acme.example>"])
    subject: str
    purpose: Literal["bulk", "transactional"]
    list_: str | None = Field(alias="list", examples=["digest"])
    counts: dict[DeliveryState, int] = Field(examples=[{"sent": 2}])
    complained: int = Field(description="Deliveries whose recipients called them spam, whatever their state.")
    created_at: datetime
    scheduled_at: datetime | None = Field(
        description="When it begins, or began; of one that waits for its sending hours, when it goes on."
    )
    sending_hours: str | None = Field(examples=["Mon-Fri 09:00-17:00 Europe/Berlin"])
    canary: int | None = Field(description="So many go before the others. Null: all go at once.")
    release_at: datetime | None = Field(
        description="When the others go, or went. Null: when somebody lets them go."
    )
    started_at: datetime | None
    ended_at: datetime | None


class FindingAnswer(AnswerModel):
    """What is odd about it, for how many recipients."""

    kind: Annotated[str, one_of(Kind)] = Field(examples=["empty_value"])
    message: str = Field(examples=["{{ first_name }} is empty for 12 recipients, who read “Hello ,”."])
    count: int = Field(description="Recipients whom it concerns.", examples=[12])
    rows: list[int] = Field(
        description="The first 100 of them: 1 is the first of `recipients`.", examples=[[3, 17]]
    )


class PreflightAnswer(AnswerModel):
    """What would become of it. Nothing was sent."""

    recipients: int = Field(description="Who would get it.", examples=[2])
    findings: list[FindingAnswer]


class ScopeAnswer(AnswerModel):
    """The bulk mail of one sender, or one list of it."""

    sender: str = Field(examples=["hello@acme.example"])
    list_: str | None = Field(alias="list", examples=["digest"])


class SuppressionAnswer(AnswerModel):
    """An address that gets no mail, or no more of some of it: why, and how that is known."""

    object: Literal["suppression"] = "suppression"
    address: str = Field(examples=["ann@example.org"])
    scope: ScopeAnswer | None = Field(description="Which bulk mail it gets no more of; null: no mail at all.")
    reason: str = Field(examples=["unsubscribed"])
    note: str
    evidence: str = Field(examples=["its own link, in one click"])
    mailing: int | None = Field(description="The number of the mailing that led to it.")
    created_at: datetime


class SuppressionListAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    next: str | None = Field(description="Give it as `after`.")
    data: list[SuppressionAnswer]


class RemovedSuppressionAnswer(AnswerModel):
    object: Literal["suppression"] = "suppression"
    address: str = Field(examples=["ann@example.org"])
    deleted: Literal[True] = True
