"""Request models of stored templates, and of what is sent with one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic.config import ConfigDict

from mailroom.content.content import LONGEST_SUBJECT
from mailroom.content.templates.template_letter import (
    LONGEST_ALIAS,
    LONGEST_FALLBACK,
    LONGEST_TEMPLATE_BODY,
    LONGEST_TEMPLATE_NAME,
    MOST_TEMPLATE_VARIABLES,
)
from mailroom.web.api.reach import TEMPLATE_NAMES
from mailroom.web.api.requests.emails import EmailRequest
from mailroom.web.api.requests.fields import Line, Lines, Mailbox, Mailboxes, Schema, TagName, Text
from mailroom.web.api.requests.letters import (
    BODY_NEEDED,
    ONE_FORMAT,
    LayoutWish,
    MarkdownBody,
    MjmlBody,
    RequestModel,
)
from mailroom.web.api.requests.long_lists import at_most
from mailroom.web.api.requests.mailings import ListedMailingRequest, MailingRequest, PreflightRequest
from mailroom.web.api.requests.patterns import LINES, NO_NUL, ONE_LINE, SOME_LINE, TAG_NAMES

VALUES_SCHEMA: Schema = {
    "propertyNames": {"pattern": TAG_NAMES},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "pattern": LINES},
            {"type": "number"},
            {"type": "boolean"},
            {"type": "null"},
        ]
    },
}

FALLBACK_OF_KIND: Schema = {
    "anyOf": [
        {
            "properties": {
                "type": {"enum": [kind]},
                "fallback_value": {"anyOf": [fallback, {"type": "null"}]},
            }
        }
        for kind, fallback in (
            ("string", {"type": "string", "pattern": LINES, "maxLength": LONGEST_FALLBACK}),
            ("number", {"type": "number"}),
            ("boolean", {"type": "boolean"}),
        )
    ]
}

NameOfTemplate = Annotated[
    Line,
    Field(
        min_length=1,
        max_length=LONGEST_TEMPLATE_NAME,
        json_schema_extra={"pattern": SOME_LINE},
        examples=["Order confirmed"],
    ),
]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Give the template a name.")
    return text


SomeName = Annotated[NameOfTemplate, AfterValidator(_not_blank)]

Alias = Annotated[
    str | None,
    Field(
        max_length=LONGEST_ALIAS,
        pattern=TEMPLATE_NAMES,
        description="A name of your own that works in place of the id, such as `order-confirmed`.",
        json_schema_extra={
            "anyOf": [
                {"type": "string", "pattern": TEMPLATE_NAMES, "maxLength": LONGEST_ALIAS},
                {"type": "null"},
            ]
        },
    ),
]

Subject = Annotated[
    Line | None,
    Field(
        max_length=LONGEST_SUBJECT,
        description="May hold merge tags, and be left to what is sent with it.",
        json_schema_extra={
            "anyOf": [
                {"type": "string", "pattern": ONE_LINE, "maxLength": LONGEST_SUBJECT},
                {"type": "null"},
            ]
        },
        examples=["Order {{ ORDER }} is confirmed"],
    ),
]

Body = Annotated[
    Text | None,
    Field(
        max_length=LONGEST_TEMPLATE_BODY,
        json_schema_extra={"anyOf": [{"type": "string", "pattern": NO_NUL}, {"type": "null"}]},
    ),
]


class TemplateVariableRequest(RequestModel):
    """A value that the template wants. Without a fallback it has to be given whenever it is sent."""

    key: TagName = Field(
        max_length=50, json_schema_extra={"pattern": TAG_NAMES, "maxLength": 50}, examples=["ORDER"]
    )
    type: Literal["string", "number", "boolean"] | None = Field(
        default=None, description="Left out: what its fallback is, or a string."
    )
    fallback_value: Lines | int | float | bool | None = Field(
        default=None,
        description="What stands in for a value that is missing or empty.",
        json_schema_extra={"anyOf": [*VALUES_SCHEMA["additionalProperties"]["anyOf"]]},
        examples=["your order"],
    )

    model_config = ConfigDict(json_schema_extra=FALLBACK_OF_KIND)


Variables = Annotated[
    tuple[TemplateVariableRequest, ...],
    at_most(MOST_TEMPLATE_VARIABLES),
    Field(max_length=MOST_TEMPLATE_VARIABLES),
]


class TemplateRequest(RequestModel):
    """A letter to be sent with other values again and again. `{{{ KEY }}}` is the same tag as `{{ KEY }}`."""

    name: SomeName
    alias: Alias = None
    from_: Mailbox | None = Field(
        default=None, alias="from", description="Who it is from, unless what is sent says so."
    )
    subject: Subject = None
    html: Body = Field(default=None, examples=["<p>Thank you for {{ ORDER }}.</p>"])
    text: Body = Field(default=None, examples=["Thank you for {{ ORDER }}."])
    markdown: MarkdownBody = None
    mjml: MjmlBody = None
    layout: LayoutWish = None
    reply_to: Mailboxes = ()
    variables: Variables = ()

    model_config = ConfigDict(json_schema_extra=BODY_NEEDED)


class TemplateUpdateRequest(RequestModel):
    """What shall change; what is left out stays as it is."""

    name: SomeName = Field(default="")
    alias: Alias = None
    from_: Mailbox | None = Field(default=None, alias="from")
    subject: Subject = None
    html: Body = None
    text: Body = None
    markdown: MarkdownBody = None
    mjml: MjmlBody = None
    layout: LayoutWish = None
    reply_to: Mailboxes = ()
    variables: Variables = ()

    model_config = ConfigDict(json_schema_extra=ONE_FORMAT)


class RenderRequest(RequestModel):
    """Values to fill a template with."""

    variables: dict[TagName, Lines | int | float | bool | None] = Field(
        default_factory=dict, json_schema_extra=VALUES_SCHEMA, examples=[{"ORDER": "A-1"}]
    )
    version: Literal["published", "draft"] | None = Field(
        default=None, description="Left out: what is sent, or the draft where nothing is published."
    )


class TemplateUseRequest(RequestModel):
    """A published template in place of subject, html and text, and the values for its tags."""

    id: str = Field(
        pattern=TEMPLATE_NAMES,
        description="Its id or alias.",
        json_schema_extra={"pattern": TEMPLATE_NAMES},
        examples=["order-confirmed"],
    )
    variables: dict[TagName, Lines | int | float | bool | None] = Field(
        default_factory=dict, json_schema_extra=VALUES_SCHEMA, examples=[{"ORDER": "A-1"}]
    )


SubjectInstead = Annotated[
    Text | None,
    Field(
        max_length=LONGEST_SUBJECT,
        description="Left out: the template's.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": SOME_LINE}, {"type": "null"}]},
    ),
]


class TemplatedEmailRequest(EmailRequest):
    """An email that says what a template says. What it says itself stands instead, as it is."""

    from_: Mailbox | None = Field(  # type: ignore[assignment]  # filled in before anybody reads it
        default=None, alias="from", description="Left out: the template's."
    )
    subject: SubjectInstead = None  # type: ignore[assignment]
    template: TemplateUseRequest

    model_config = ConfigDict(json_schema_extra=ONE_FORMAT)


class TemplatedMailingRequest(MailingRequest):
    """A mailing that says what a template says, filled for each recipient from their own variables first."""

    from_: Mailbox | None = Field(  # type: ignore[assignment]
        default=None, alias="from", description="Left out: the template's."
    )
    subject: SubjectInstead = None  # type: ignore[assignment]
    template: TemplateUseRequest

    model_config = ConfigDict(json_schema_extra={"required": ["recipients", "template"], **ONE_FORMAT})


class TemplatedPreflightRequest(PreflightRequest):
    """The same, to be tried and not to be sent."""

    from_: Mailbox | None = Field(  # type: ignore[assignment]
        default=None, alias="from", description="Left out: the template's."
    )
    subject: SubjectInstead = None  # type: ignore[assignment]
    template: TemplateUseRequest

    model_config = ConfigDict(json_schema_extra={"required": ["recipients", "template"], **ONE_FORMAT})


class TemplatedListedMailingRequest(ListedMailingRequest):
    """The same with a template, whose recipients come as a file beside it."""

    from_: Mailbox | None = Field(  # type: ignore[assignment]
        default=None, alias="from", description="Left out: the template's."
    )
    subject: SubjectInstead = None  # type: ignore[assignment]
    template: TemplateUseRequest

    model_config = ConfigDict(json_schema_extra=ONE_FORMAT)


def is_templated(value: Any) -> bool:
    """Whether this body is one of those that name a template."""
    return isinstance(value, dict) and value.get("template") is not None
