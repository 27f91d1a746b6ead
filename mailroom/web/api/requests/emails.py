"""Request models of single emails."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from mailroom.content.whole.original import HandedIn
from mailroom.engine.accept.handed_in import MOST_RCPT
from mailroom.web.api.requests.examples import EXAMPLE_MESSAGE
from mailroom.web.api.requests.fields import Mailbox, Mailboxes, Moment, SomeMailboxes
from mailroom.web.api.requests.given_files import FileContent
from mailroom.web.api.requests.letters import (
    BODY_NEEDED,
    PURPOSE_MEANING,
    Letter,
    ListName,
    RequestModel,
    _unsupported,
)
from mailroom.web.api.requests.long_lists import at_most


class EmailRequest(Letter):
    """One message, which shows To and Cc. Every recipient, Bcc included, is a delivery of its own."""

    to: SomeMailboxes
    cc: Mailboxes = ()
    bcc: Mailboxes = Field(default=(), description="Gets it, and nobody sees it.")
    purpose: Literal["bulk", "transactional"] | None = Field(
        default=None, description=f"{PURPOSE_MEANING} Left out: transactional, unless it has a list."
    )
    list_: ListName = Field(default=None, alias="list")
    template: SkipJsonSchema[Any] = None  # what names one is another model: see templates.py
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
