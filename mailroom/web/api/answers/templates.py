"""Response models of stored templates."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from mailroom.web.api.answers.mails import ID, AnswerModel


class ChangedTemplateAnswer(AnswerModel):
    object: Literal["template"] = "template"
    id: UUID = Field(examples=[ID])


class RemovedTemplateAnswer(ChangedTemplateAnswer):
    deleted: Literal[True] = True


class TemplateVariableAnswer(AnswerModel):
    """A value that the template wants."""

    key: str = Field(examples=["ORDER"])
    type: Literal["string", "number", "boolean"]
    fallback_value: str | float | bool | None = Field(examples=["your order"])
    created_at: datetime
    updated_at: datetime


class ListedTemplateAnswer(AnswerModel):
    """A template, without what it says."""

    id: UUID = Field(examples=[ID])
    name: str = Field(examples=["Order confirmed"])
    alias: str | None = Field(examples=["order-confirmed"])
    status: Literal["draft", "published"]
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


class TemplateListAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    data: list[ListedTemplateAnswer]


class TemplateAnswer(ListedTemplateAnswer):
    """A template: its draft, which is what is sent once it is published."""

    object: Literal["template"] = "template"
    from_: str | None = Field(alias="from", examples=["Acme <hello@acme.example>"])
    subject: str | None
    reply_to: list[str] | None
    html: str
    text: str | None
    markdown: str | None = Field(description="What html and text were made of; null: they were not.")
    mjml: str | None
    variables: list[TemplateVariableAnswer]
    has_unpublished_versions: bool = Field(description="Whether the draft is not what is sent.")
    current_version_id: UUID | None = Field(description="What is sent; null: nothing is yet.")


class RenderedTemplateAnswer(AnswerModel):
    """What one mail would say."""

    object: Literal["rendered_template"] = "rendered_template"
    subject: str | None = Field(examples=["Order A-1 is confirmed"])
    html: str | None
    text: str | None
