"""Request models: they check what programs send, and the OpenAPI document is made of them."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WrapValidator, model_validator
from pydantic.json_schema import SkipJsonSchema

from mailroom.content.check import LONGEST_FILENAME, LONGEST_VALUE
from mailroom.content.content import LONGEST_LIST_NAME, LONGEST_SUBJECT, Attachment, DistantAttachment
from mailroom.content.original import HandedIn
from mailroom.content.schedule.sending_hours import SendingHours, clock_time, days_named
from mailroom.content.schedule.zones import zone_named
from mailroom.content.unsubscribe import BULK_FROM
from mailroom.content.writing.converter import LONGEST_SOURCE
from mailroom.content.writing.layout import COLOUR, LOGO, LONGEST_FOOTER, LONGEST_LOGO, Layout
from mailroom.engine.accept.handed_in import MOST_RCPT
from mailroom.engine.accept.submission import LONGEST_CANARY_WAIT, LONGEST_UNDO
from mailroom.ledger.states import State
from mailroom.web.api import remote_files
from mailroom.web.api.examples import EXAMPLE_MESSAGE, EXAMPLE_MJML
from mailroom.web.api.fields import (
    CONTENT_ID,
    LINES,
    MEDIA_TYPE,
    NO_NUL,
    NUMBERS_ONLY,
    ONE_LINE,
    SOME_LINE,
    SOME_WORD,
    TAG_NAMES,
    Base64File,
    CanaryWish,
    FileContent,
    Line,
    Lines,
    Mailbox,
    Mailboxes,
    Moment,
    PerhapsMailbox,
    Schema,
    SomeMailboxes,
    TagName,
    Text,
    ZoneName,
    at_most,
    first_mistakes,
    one_of,
)

MOST_EMAILS = 100
"""In one batch."""

MOST_MAILING_RECIPIENTS = 200_000
"""Of one mailing by the API."""

MOST_UPDATE_OCTETS = 16 * 1024
"""Of a change to one."""

MOST_FILES, MOST_TAGS = 100, 75

HEADERS_SCHEMA: Schema = {
    "description": "Further headers. Those that Mailroom sets (From, Message-ID, Content-...) are refused.",
    "propertyNames": {"pattern": "^[!-9;-~]{1,60}$"},
    "additionalProperties": {"type": "string", "pattern": ONE_LINE, "maxLength": LONGEST_VALUE},
    "examples": [{"X-Entity-Ref-ID": "order-1234"}],
}

TIME_OF_DAY = "^([01][0-9]|2[0-3]):[0-5][0-9]$"

_NOTHING: Schema = {"type": "null"}
_WORDS: Schema = {"type": "string", "pattern": SOME_WORD}
AS_HTML = {"markdown": _NOTHING, "mjml": _NOTHING, "layout": _NOTHING}
AS_MARKDOWN = {"html": _NOTHING, "mjml": _NOTHING}
AS_MJML = {"html": _NOTHING, "markdown": _NOTHING, "layout": _NOTHING}

_IN_MARKDOWN = {"required": ["markdown"], "properties": {"markdown": _WORDS, **AS_MARKDOWN}}
ONE_FORMAT: Schema = {"anyOf": [{"properties": AS_HTML}, _IN_MARKDOWN, {"properties": AS_MJML}]}
"""At most one of html, markdown and mjml."""

BODY_NEEDED: Schema = {
    "anyOf": [
        {"required": ["text"], "properties": {"text": _WORDS, **AS_HTML}},
        {"required": ["html"], "properties": {"html": _WORDS, **AS_HTML}},
        _IN_MARKDOWN,
        {
            "required": ["mjml"],
            "properties": {"mjml": {"type": "string", "format": "mjml"}, **AS_MJML},
        },
    ]
}


def _empty(kind: type) -> BeforeValidator:
    """null is nothing, as many clients send it for what was not given."""
    return BeforeValidator(lambda value: kind() if value is None else value)


class RequestModel(BaseModel):
    """Unknown fields are refused: a misspelled one would be lost without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class AttachmentRequest(RequestModel):
    """A file that goes along. With a `content_id` it is a picture inside the HTML: `<img src="cid:...">`."""

    filename: Text = Field(
        default="",
        max_length=LONGEST_FILENAME,
        json_schema_extra={"pattern": SOME_LINE},
        examples=["hello.txt"],
    )
    content: FileContent = b""
    content_type: Text | None = Field(
        default=None,
        max_length=200,
        description="By default what the file's name says.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": MEDIA_TYPE}, {"type": "null"}]},
        examples=["text/plain"],
    )
    content_id: Text | None = Field(
        default=None,
        max_length=200,
        json_schema_extra={"anyOf": [{"type": "string", "pattern": CONTENT_ID}, {"type": "null"}]},
        examples=["logo"],
    )
    inline_content_id: SkipJsonSchema[Text | None] = None  # an older name that the Python SDK has
    path: SkipJsonSchema[Text | None] = None

    model_config = ConfigDict(json_schema_extra={"required": ["filename", "content"]})

    @model_validator(mode="after")
    def _is_whole(self) -> AttachmentRequest:
        if self.path is not None:
            if remote_files.fetcher() is None:
                raise ValueError(remote_files.REFUSED)
        elif "content" not in self.model_fields_set:
            raise ValueError("Give the file's `content` in Base64.")
        elif not self.filename:
            raise ValueError("Give the file's `filename`.")
        return self

    def read(self) -> Attachment:
        """The file; one that is named by `path` is fetched now."""
        content, filename, told = self.content, self.filename, ""
        fetch = remote_files.fetcher()
        if self.path is not None and fetch is not None:
            file = fetch(self.path)
            content, filename, told = file.content, filename or file.name, file.content_type
        kind = self.content_type or told or mimetypes.guess_type(filename)[0] or "application/octet-stream"
        content_id = (self.content_id or self.inline_content_id or "").strip("<>") or None
        if isinstance(content, Base64File):
            return DistantAttachment(
                filename, kind, b"", content_id, length=content.size, read=content.slices
            )
        return Attachment(filename, kind, content, content_id)


class LayoutRequest(RequestModel):
    """What stands around a letter in Markdown: a calm page, at home on a telephone and in the dark."""

    colour: Line | None = Field(
        default=None,
        json_schema_extra={"anyOf": [{"type": "string", "pattern": COLOUR}, {"type": "null"}]},
        examples=["#2b5d8a"],
    )
    logo: Line | None = Field(
        default=None,
        description="A picture: `cid:` and the `content_id` of an attachment, or an address.",
        max_length=LONGEST_LOGO,
        json_schema_extra={"anyOf": [{"type": "string", "pattern": LOGO}, {"type": "null"}]},
        examples=["cid:logo"],
    )
    footer: Text | None = Field(
        default=None,
        max_length=LONGEST_FOOTER,
        description="Markdown, below the letter.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": NO_NUL}, {"type": "null"}]},
        examples=["Acme Ltd, 1 High Street"],
    )

    def chosen(self, name: str) -> Layout:
        return Layout(colour=self.colour or "", logo=self.logo or "", footer=self.footer or "", name=name)


MarkdownBody = Annotated[
    Text | None,
    Field(
        description="The letter in Markdown, in place of html: HTML and text are made of it.",
        json_schema_extra={
            "anyOf": [{"type": "string", "pattern": NO_NUL, "maxLength": LONGEST_SOURCE}, {"type": "null"}]
        },
        examples=["It **works**."],
    ),
]
MjmlBody = Annotated[
    Text | None,
    Field(
        description="The letter in MJML, in place of html.",
        json_schema_extra={
            "anyOf": [{"type": "string", "format": "mjml", "maxLength": LONGEST_SOURCE}, {"type": "null"}]
        },
        examples=[EXAMPLE_MJML],
    ),
]
LayoutWish = Annotated[
    LayoutRequest | Literal["letterhead", "plain"] | None,
    Field(
        description="Of markdown: `letterhead`, which is also what stands around it when this is left out; "
        "`plain`; or the letterhead with a colour, a logo, a footer.",
        examples=["plain"],
    ),
]


class TagRequest(RequestModel):
    """A name and a value of your own, to find the email by."""

    name: str = Field(pattern="^[A-Za-z0-9_-]{1,256}$", examples=["category"])
    value: str = Field(default="", pattern="^[A-Za-z0-9_-]{0,256}$", examples=["welcome"])


class Letter(RequestModel):
    """What an email and a mailing have in common."""

    from_: Mailbox = Field(alias="from")
    subject: Text = Field(
        max_length=LONGEST_SUBJECT, json_schema_extra={"pattern": SOME_LINE}, examples=["Hello from Mailroom"]
    )
    text: Text | None = Field(
        default=None,
        description="The plain text. This, or html, or both.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": NO_NUL}, {"type": "null"}]},
        examples=["It works."],
    )
    html: Text | None = Field(
        default=None,
        json_schema_extra={"anyOf": [{"type": "string", "pattern": NO_NUL}, {"type": "null"}]},
        examples=["<p>It works.</p>"],
    )
    markdown: MarkdownBody = None
    mjml: MjmlBody = None
    layout: LayoutWish = None
    reply_to: Mailboxes = ()
    headers: Annotated[dict[Text, Text], _empty(dict)] = Field(
        default_factory=dict, json_schema_extra=HEADERS_SCHEMA
    )
    attachments: Annotated[tuple[AttachmentRequest, ...], at_most(MOST_FILES), _empty(tuple)] = Field(
        default=(), max_length=MOST_FILES
    )
    tags: Annotated[tuple[TagRequest, ...], at_most(MOST_TAGS), _empty(tuple)] = Field(
        default=(), max_length=MOST_TAGS
    )
    scheduled_at: Moment | None = None
    if_unknown: Literal["resend", "hold", "evidence"] = Field(
        default="resend",
        description="What to do when a connection broke before the mail server answered: "
        "send once more (the same Message-ID), hold, or send once more if no evidence comes in some minutes.",
    )


def _unsupported(name: str) -> BeforeValidator:
    def refuse(value: object) -> None:
        if value is not None:
            raise ValueError(f"Mailroom has no {name}: send subject, html and text.")

    return BeforeValidator(refuse)


PURPOSE_MEANING = (
    "`bulk` mail (newsletters, invitations) carries an unsubscribe link of each recipient and heeds every "
    "suppression; `transactional` mail heeds those of all mail."
)
ListName = Annotated[
    Line | None,
    Field(
        max_length=LONGEST_LIST_NAME,
        description="Of bulk mail: the list that people can unsubscribe from, such as `digest`.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": ONE_LINE}, {"type": "null"}]},
        examples=["digest"],
    ),
]


class EmailRequest(Letter):
    """One message, which shows To and Cc. Every recipient, Bcc included, is a delivery of its own."""

    to: SomeMailboxes
    cc: Mailboxes = ()
    bcc: Mailboxes = Field(default=(), description="Gets it, and nobody sees it.")
    purpose: Literal["bulk", "transactional"] | None = Field(
        default=None, description=f"{PURPOSE_MEANING} Left out: transactional, unless it has a list."
    )
    list_: ListName = Field(default=None, alias="list")
    template: SkipJsonSchema[Any] = None  # what names one is another model: see template_requests.py
    topic_id: SkipJsonSchema[Annotated[Any, _unsupported("topics")]] = None

    model_config = ConfigDict(json_schema_extra=BODY_NEEDED)


class RawEmailRequest(RequestModel):
    """A whole message that your program made, and its envelope."""

    from_: Mailbox = Field(
        alias="from", description="The envelope sender, where bounces go. What people see, the message says."
    )
    recipients: Annotated[tuple[Mailbox, ...], at_most(MOST_RCPT)] = Field(
        min_length=1,
        max_length=MOST_RCPT,
        description="Everybody who gets it, whether a header names them or none (Bcc).",
        examples=[["ann@example.org"]],
    )
    message: FileContent = Field(
        json_schema_extra={
            "description": "The message of RFC 5322 in Base64: header, empty line, body.",
            "examples": [EXAMPLE_MESSAGE],
        }
    )

    def handed_in(self) -> HandedIn:
        return HandedIn(self.message, self.from_.address, [one.address for one in self.recipients])


class UpdateRequest(RequestModel):
    """A new time for an email that waits for its time."""

    scheduled_at: Moment
    id: SkipJsonSchema[Any] = None  # the Python SDK repeats it here


class SendingHoursRequest(RequestModel):
    """When mail may go, on the clocks of a time zone. What would go outside of it waits."""

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], at_most(7)] = Field(
        min_length=1, max_length=7, examples=[["mon", "tue", "wed", "thu", "fri"]]
    )
    from_: str = Field(alias="from", pattern=TIME_OF_DAY, examples=["09:00"])
    to: str = Field(
        pattern=TIME_OF_DAY,
        description="Not after `from`: on the next day. `00:00` is the end of the day.",
        examples=["17:00"],
    )
    zone: ZoneName = Field(examples=["Europe/Berlin"])

    def hours(self) -> SendingHours:
        days = days_named(",".join(self.days))
        return SendingHours(days, clock_time(self.from_), clock_time(self.to), zone_named(self.zone))


class MailingUpdateRequest(RequestModel):
    """Another time for a mailing that waits for its time, or other sending hours. What is left out stays."""

    scheduled_at: Moment | None = None
    sending_hours: SendingHoursRequest | None = Field(default=None, description="null: at any hour.")


class NamedRecipient(RequestModel):
    """What is known of one who gets a mailing, beside the address."""

    name: Line = Field(
        default="", max_length=200, json_schema_extra={"pattern": ONE_LINE}, examples=["Ann Lee"]
    )
    variables: dict[TagName, Lines | int | float | bool | None] = Field(
        default_factory=dict,
        json_schema_extra={
            "description": "`first_name` here fills `{{ first_name }}` in subject, text, html and headers.",
            "propertyNames": {"pattern": TAG_NAMES},
            "additionalProperties": {
                "anyOf": [
                    {"type": "string", "pattern": LINES},
                    {"type": "number"},
                    {"type": "boolean"},
                    {"type": "null"},
                ]
            },
        },
        examples=[{"first_name": "Ann"}],
    )


class RecipientRequest(NamedRecipient):
    """One who gets a mailing, and the values of its merge tags."""

    address: Mailbox


class PreflightRecipientRequest(NamedRecipient):
    """One of a mailing that is only tried: an address that is none is a finding."""

    address: PerhapsMailbox


class LetterToMany(Letter):
    """What a mailing says of itself."""

    purpose: Literal["bulk", "transactional"] | None = Field(
        default=None,
        description=f"{PURPOSE_MEANING} Left out: bulk from {BULK_FROM} recipients on, with a list, or "
        "with `{{ unsubscribe_url }}` in its text.",
    )
    list_: ListName = Field(default=None, alias="list")
    undo: Annotated[int, Field(ge=0, le=LONGEST_UNDO), NUMBERS_ONLY] = Field(
        default=0,
        description="Seconds in which nobody is mailed yet, so that `cancel` takes all of it back.",
        examples=[10],
    )
    canary: CanaryWish | None = Field(
        default=None,
        description="The first so many of `recipients` go before the others: a number, or a share like `1%`. "
        "The others wait for `canary_wait`, or for `POST /mailings/{id}/release`.",
        examples=[100],
    )
    canary_wait: Annotated[int, Field(ge=0, le=LONGEST_CANARY_WAIT), NUMBERS_ONLY] | None = Field(
        default=None,
        description="Seconds after its begin until the others go by themselves. Left out: they do not.",
        examples=[900],
    )
    sending_hours: SendingHoursRequest | None = None
    template: SkipJsonSchema[Any] = None

    model_config = ConfigDict(json_schema_extra=BODY_NEEDED)


class ListedMailingRequest(LetterToMany):
    """A mailing whose recipients come as a file beside it."""


class ListReadingRequest(RequestModel):
    """How a file of recipients is to be read, where it does not say so itself."""

    recipients_sheet: Line = Field(
        default="", max_length=200, description="Of a workbook. Left out: the first that holds addresses."
    )
    recipients_column: Line = Field(
        default="", max_length=200, description="The column of addresses: its heading, or its number from 1."
    )
    recipients_encoding: Line = Field(
        default="", max_length=40, description="How a text is written that is no Unicode: `windows-1251`."
    )
    leave_out: bool = Field(default=False, description="Rows that cannot be mailed are left out.")


class ToManyOrList(LetterToMany):
    """A mailing that says who gets it, or names a list."""

    # Not in the schema, which could only say with alternatives of alternatives that it stands for recipients.
    recipients_list: SkipJsonSchema[UUID | None] = None

    @model_validator(mode="after")
    def _says_who(self) -> ToManyOrList:
        if (self.recipients_list is None) != bool(getattr(self, "recipients", ())):
            raise ValueError("`recipients`: Give them, or a `recipients_list`, and not both.")
        return self


class MailingRequest(ToManyOrList):
    """One submission to many: each sees only themself, and merge tags are filled for each."""

    recipients: Annotated[
        list[RecipientRequest],
        FailFast(),
        Field(max_length=MOST_MAILING_RECIPIENTS, json_schema_extra={"minItems": 1}),
        WrapValidator(first_mistakes),
        at_most(MOST_MAILING_RECIPIENTS),
    ] = []

    model_config = ConfigDict(json_schema_extra=BODY_NEEDED | {"required": ["from", "subject", "recipients"]})


class PreflightRequest(ToManyOrList):
    """The same, to be tried and not to be sent."""

    recipients: Annotated[
        list[PreflightRecipientRequest],
        FailFast(),
        Field(max_length=MOST_MAILING_RECIPIENTS, json_schema_extra={"minItems": 1}),
        WrapValidator(first_mistakes),
        at_most(MOST_MAILING_RECIPIENTS),
    ] = []

    model_config = ConfigDict(json_schema_extra=BODY_NEEDED | {"required": ["from", "subject", "recipients"]})


class ReportFormat(RequestModel):
    """How a report is wanted."""

    format: Literal["json", "csv", "pdf"] | None = Field(
        default=None, description="Left out: what `Accept` asks for, or JSON."
    )


class Listing(RequestModel):
    """Which deliveries, and how."""

    state: Annotated[State, one_of(State)] | None = Field(
        default=None, description="Only those in this state."
    )
    format: Literal["jsonl", "csv"] = Field(default="jsonl", description="One JSON object a line, or CSV.")
