"""Request models of kept lists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    FailFast,
    Field,
    PlainValidator,
    RootModel,
    StrictBool,
    WithJsonSchema,
    WrapValidator,
)

from mailroom.content.lists.conditions import MOST_CONDITIONS, Comparison
from mailroom.content.lists.list_title import title_of
from mailroom.content.lists.stated_consent import LONGEST_EVIDENCE, LONGEST_HOW, moment_of
from mailroom.ledger.deliveries.outcomes import OUTCOMES
from mailroom.ledger.lists.kept import LONGEST_KEPT_NAME
from mailroom.web.api.requests.fields import Line, Lines, Mailbox, Text, one_of
from mailroom.web.api.requests.letters import MOST_MAILING_RECIPIENTS, RequestModel
from mailroom.web.api.requests.long_lists import at_most, first_mistakes
from mailroom.web.api.requests.mailings import NamedRecipient
from mailroom.web.api.requests.patterns import LINES, ONE_LINE, SOME_LINE

MOST_TAKEN_OFF = 1_000
"""Addresses of one request."""

HIGHEST_PLACE = 2**53 - 1


def _consented_at(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("This must be a string like 2024-05-01T09:30:00Z.")
    return moment_of(value)


PastMoment = Annotated[
    datetime,
    PlainValidator(_consented_at),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601, in UTC unless it says otherwise. A time to come means now.",
            "format": "date-time",
            "pattern": "^(1|2)",
            "examples": ["2024-05-01T09:30:00Z"],
        }
    ),
]

ListTitle = Annotated[
    Line,
    AfterValidator(title_of),
    Field(
        min_length=1,
        max_length=LONGEST_KEPT_NAME,
        description="What people unsubscribe from, too: the `list` of bulk mail that goes to it.",
        json_schema_extra={"pattern": SOME_LINE},
        examples=["Digest"],
    ),
]

How = Annotated[
    Line, Field(max_length=LONGEST_HOW, json_schema_extra={"pattern": ONE_LINE}, examples=["form"])
]
Evidence = Annotated[
    Lines,
    Field(
        max_length=LONGEST_EVIDENCE,
        description="What proves it: words, a URL, the name of a file.",
        json_schema_extra={"pattern": LINES},
        examples=["https://acme.example/join"],
    ),
]


class KeptListRequest(RequestModel):
    """A new list, with nobody on it."""

    name: ListTitle
    shared: StrictBool = Field(
        default=False, description="Whether other programs may read it, and send to it."
    )


class KeptListUpdateRequest(RequestModel):
    """What shall change; what is left out stays as it is."""

    name: ListTitle = Field(default="")
    shared: StrictBool = False


class ConsentRequest(RequestModel):
    """When, how and by what evidence somebody consented, or withdrew it."""

    given: StrictBool = Field(default=True, description="false: it was withdrawn.")
    at: PastMoment | None = Field(default=None, description="Left out: now.")
    how: How = ""
    evidence: Evidence = ""


class ListRecipientRequest(NamedRecipient):
    """One recipient of a list."""

    address: Mailbox
    consent: ConsentRequest | None = None


class ListRecipientsRequest(
    RootModel[
        Annotated[
            list[ListRecipientRequest],
            FailFast(),
            Field(min_length=1, max_length=MOST_MAILING_RECIPIENTS),
            WrapValidator(first_mistakes),
            at_most(MOST_MAILING_RECIPIENTS),
        ]
    ]
):
    """Several of them."""


class TakeOffRequest(RequestModel):
    """Addresses that shall not be on the list any more."""

    addresses: Annotated[list[Mailbox], at_most(MOST_TAKEN_OFF)] = Field(
        min_length=1, max_length=MOST_TAKEN_OFF
    )


class ConditionRequest(RequestModel):
    """What must hold of one column: of its own, or `email`, `name`, `consent` (given, withdrawn or empty)."""

    column: Text = Field(min_length=1, max_length=200, examples=["city"])
    how: Annotated[Comparison, one_of(Comparison)]
    value: Text = Field(default="", max_length=1_000, examples=["Berlin"])


class ListFromListRequest(RequestModel):
    """A new list of those on another for whom all conditions hold."""

    name: ListTitle
    list_: UUID = Field(alias="list")
    where: Annotated[list[ConditionRequest], at_most(MOST_CONDITIONS)] = Field(
        default=[], max_length=MOST_CONDITIONS
    )


class ListFromMailingRequest(RequestModel):
    """A new list of those recipients of a mailing who have an outcome."""

    name: ListTitle
    mailing: UUID
    outcome: Literal[OUTCOMES] = Field(  # type: ignore[valid-type]
        description="A state of deliveries; or `not_bounced`: the mail server took it, and nothing came back."
    )


class ListImportQuery(RequestModel):
    """How to import, and what is known of everybody's consent."""

    mode: Literal["add", "replace"] = Field(
        default="add", description="`replace`: the list becomes exactly what is sent."
    )
    dry_run: bool = Field(default=False, description="Say what would change, and change nothing.")
    consent_at: PastMoment | None = Field(
        default=None, description="Of everybody who has no consent so far, and of whom nothing else is said."
    )
    consent_how: How = ""
    consent_evidence: Evidence = ""


class ListRecipientPage(RequestModel):
    """Which part of a list."""

    limit: int = Field(default=100, ge=1, le=1_000)
    after: int | None = Field(default=None, ge=0, le=HIGHEST_PLACE, description="`next` of the page before.")
    q: Text = Field(default="", max_length=200, description="A part of the address, the name or a value.")
    address: Mailbox | None = Field(default=None, description="Only this one.")


class ListHistoryQuery(RequestModel):
    """Of whom."""

    address: Mailbox


class ListExportQuery(RequestModel):
    """How it is written."""

    format: Literal["jsonl", "csv"] = Field(default="jsonl", description="One JSON object a line, or CSV.")
