"""Request models of the suppression list."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mailroom.web.api.requests.fields import Line, Mailbox, Text
from mailroom.web.api.requests.letters import ListName, RequestModel
from mailroom.web.api.requests.patterns import ONE_LINE


class ScopeRequest(RequestModel):
    """The bulk mail of one sender, or one list of it."""

    sender: Mailbox
    list_: ListName = Field(default=None, alias="list")


class SuppressedAddress(RequestModel):
    """An address in one scope."""

    address: Mailbox
    scope: ScopeRequest | None = Field(
        default=None, description="Which bulk mail is meant. Left out: all mail, from everybody."
    )


class SuppressionRequest(SuppressedAddress):
    """An address that shall get no mail, or no more of some of it."""

    reason: Literal["manual", "unsubscribed", "bounced", "complained"] = "manual"
    note: Line = Field(default="", max_length=500, json_schema_extra={"pattern": ONE_LINE})


class SuppressionPage(RequestModel):
    """Which part of the list."""

    limit: int = Field(default=100, ge=1, le=1_000)
    after: Text | None = Field(default=None, max_length=800, description="`next` of the page before.")
    q: Text = Field(default="", max_length=200, description="A part of address, sender, list or note.")
