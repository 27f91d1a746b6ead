"""Request models of drafts."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, FailFast, Field, WrapValidator

from mailroom.content.check import LONGEST_FILENAME, header_problem
from mailroom.engine.accept.submission import LONGEST_CANARY_WAIT, LONGEST_UNDO
from mailroom.web.api.paging import OlderPage
from mailroom.web.api.reach import TEMPLATE_NAMES
from mailroom.web.api.requests.fields import NUMBERS_ONLY, CanaryWish, Line, Mailbox, Mailboxes, Moment, Text
from mailroom.web.api.requests.given_files import FileContent
from mailroom.web.api.requests.letters import (
    HEADERS_SCHEMA,
    MOST_FILES,
    MOST_MAILING_RECIPIENTS,
    ListName,
    RequestModel,
)
from mailroom.web.api.requests.long_lists import at_most, first_mistakes
from mailroom.web.api.requests.mailings import RecipientRequest, SendingHoursRequest
from mailroom.web.api.requests.patterns import MEDIA_TYPE, ONE_LINE, SOME_LINE
from mailroom.web.api.requests.templates import Body, Subject


def _media_type(given: str) -> str:
    if re.search(MEDIA_TYPE, given) is None:
        raise ValueError("Write a media type like application/pdf.")
    return given


def _headers(given: dict[str, str]) -> dict[str, str]:
    """The form has each on a line of its own, so whatever is none would be read as something else there."""
    for name, value in given.items():
        if problem := header_problem(name, value):
            raise ValueError(problem)
    return given


def _named(filename: str) -> str:
    if not filename.strip():
        raise ValueError("Give the file a name.")
    return filename


class DraftFileRequest(RequestModel):
    """A file that goes along."""

    filename: Annotated[Line, AfterValidator(_named)] = Field(
        max_length=LONGEST_FILENAME, json_schema_extra={"pattern": SOME_LINE}, examples=["programme.pdf"]
    )
    content: FileContent
    content_type: Annotated[Text, AfterValidator(_media_type)] | None = Field(
        default=None,
        max_length=200,
        description="By default what the file's name says.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": MEDIA_TYPE}, {"type": "null"}]},
    )


class DraftRequest(RequestModel):
    """What is known of a mailing that is not sent yet. Everything may be left out, and be written later."""

    name: Line = Field(
        default="",
        max_length=200,
        description="What the list of drafts calls it; left out: its subject.",
        json_schema_extra={"pattern": ONE_LINE},
    )
    from_: Mailbox | None = Field(default=None, alias="from")
    reply_to: Mailboxes = ()
    headers: Annotated[dict[Text, Text], AfterValidator(_headers)] = Field(
        default_factory=dict, json_schema_extra=HEADERS_SCHEMA
    )
    subject: Subject = None
    text: Body = Field(default=None, examples=["Dear {{ first_name }}, here is what is new."])
    html: Body = None
    recipients: Annotated[
        list[RecipientRequest],
        FailFast(),
        Field(max_length=MOST_MAILING_RECIPIENTS),
        WrapValidator(first_mistakes),
        at_most(MOST_MAILING_RECIPIENTS),
    ] = Field(default_factory=list)
    attachments: Annotated[tuple[DraftFileRequest, ...], at_most(MOST_FILES)] = Field(
        default=(), max_length=MOST_FILES
    )
    scheduled_at: Moment | None = None
    sending_hours: SendingHoursRequest | None = None
    if_unknown: Literal["resend", "hold", "evidence"] = "resend"
    purpose: Literal["bulk", "transactional"] | None = None
    list_: ListName = Field(default=None, alias="list")
    undo: Annotated[int, Field(ge=0, le=LONGEST_UNDO), NUMBERS_ONLY] = 0
    canary: CanaryWish | None = None
    canary_wait: Annotated[int, Field(ge=0, le=LONGEST_CANARY_WAIT), NUMBERS_ONLY] | None = Field(
        default=None,
        description="Seconds. The form has minutes, so what is begun of one counts whole.",
        examples=[900],
    )
    template: Line | None = Field(
        default=None,
        max_length=100,
        pattern=TEMPLATE_NAMES,
        description="The id or alias of one that is published, and says what is left out here.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": TEMPLATE_NAMES}, {"type": "null"}]},
    )


class DraftUpdateRequest(DraftRequest):
    """What shall change; what is left out stays as it is."""

    revision: Annotated[int, Field(ge=1, le=2**31 - 1), NUMBERS_ONLY] | None = Field(
        default=None,
        description="The one that you saw: 409 when somebody has changed the draft since.",
    )


class DraftPage(OlderPage):
    """Which part of the drafts."""

    after: UUID | None = Field(default=None, description="Those that follow this id, changed before it.")
