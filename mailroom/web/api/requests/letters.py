"""Request models of a letter: what emails, mailings, templates and drafts have of each other."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from mailroom.content.check import LONGEST_FILENAME, LONGEST_VALUE
from mailroom.content.content import LONGEST_LIST_NAME, LONGEST_SUBJECT, Attachment, DistantAttachment
from mailroom.content.writing.converter import LONGEST_SOURCE
from mailroom.content.writing.layout import COLOUR, LOGO, LONGEST_FOOTER, LONGEST_LOGO, Layout
from mailroom.web.api.requests.examples import EXAMPLE_MJML
from mailroom.web.api.requests.fields import Line, Mailbox, Mailboxes, Moment, Schema, Text
from mailroom.web.api.requests.given_files import Base64File, FileContent
from mailroom.web.api.requests.long_lists import at_most
from mailroom.web.api.requests.patterns import CONTENT_ID, MEDIA_TYPE, NO_NUL, ONE_LINE, SOME_LINE, SOME_WORD
from mailroom.web.api.submitted import remote_files

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
