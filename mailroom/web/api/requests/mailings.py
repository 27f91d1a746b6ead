"""Request models of mailings to many."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, FailFast, Field, WrapValidator, model_validator
from pydantic.json_schema import SkipJsonSchema

from mailroom.content.links.unsubscribe import BULK_FROM
from mailroom.content.schedule.sending_hours import SendingHours, clock_time, days_named
from mailroom.content.schedule.zones import zone_named
from mailroom.engine.accept.submission import LONGEST_CANARY_WAIT, LONGEST_UNDO
from mailroom.ledger.states import State
from mailroom.web.api.requests.fields import (
    NUMBERS_ONLY,
    CanaryWish,
    Line,
    Lines,
    Mailbox,
    Moment,
    PerhapsMailbox,
    TagName,
    ZoneName,
    one_of,
)
from mailroom.web.api.requests.letters import (
    BODY_NEEDED,
    MOST_MAILING_RECIPIENTS,
    PURPOSE_MEANING,
    TIME_OF_DAY,
    Letter,
    ListName,
    RequestModel,
)
from mailroom.web.api.requests.long_lists import at_most, first_mistakes
from mailroom.web.api.requests.patterns import LINES, ONE_LINE, TAG_NAMES


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
