"""Response models of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from mailroom.web.api.answers.mails import ID, AnswerModel


class ChangedDraftAnswer(AnswerModel):
    object: Literal["draft"] = "draft"
    id: UUID = Field(examples=[ID])
    revision: int = Field(description="Rises with every change of what it says.", examples=[1])
    path: str = Field(description="Its page, for people.", examples=[f"/drafts/{ID}"])


class RemovedDraftAnswer(AnswerModel):
    object: Literal["draft"] = "draft"
    id: UUID = Field(examples=[ID])
    deleted: Literal[True] = True


class ListedDraftAnswer(AnswerModel):
    """A draft, without what it says."""

    id: UUID = Field(examples=[ID])
    name: str
    subject: str
    recipients: int | None = Field(description="As far as it is known.", examples=[2])
    updated_at: datetime


class DraftListAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    data: list[ListedDraftAnswer]


class DraftFileAnswer(AnswerModel):
    filename: str
    content_type: str
    size: int = Field(description="Octets.")


class DraftAnswer(ChangedDraftAnswer):
    """A draft as it stands in the form."""

    name: str
    subject: str
    recipients: int | None = Field(description="As far as it is known.", examples=[2])
    from_: str | None = Field(alias="from", examples=["Acme <hello@acme.example>"])
    reply_to: str | None
    headers: str | None = Field(description="One a line.", examples=["X-Entity-Ref-ID: order-1234"])
    text: str | None
    html: str | None
    purpose: str | None
    list_: str | None = Field(alias="list")
    template: str | None
    attachments: list[DraftFileAnswer]
    mailing_id: UUID | None = Field(description="The mailing that it became; null: it is not sent.")
    created_at: datetime
    updated_at: datetime
