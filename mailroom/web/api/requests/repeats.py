"""Request models of repeats."""

from __future__ import annotations

from pydantic import Field

from mailroom.engine.repeats.planning import MOST_TIMES
from mailroom.web.api.requests.fields import Moment, RuleOfRepeat, ZoneName
from mailroom.web.api.requests.letters import RequestModel
from mailroom.web.api.requests.mailings import MailingRequest, SendingHoursRequest


class RepeatRequest(MailingRequest):
    """A mailing that is kept, and mailed at each tick of a rule. `scheduled_at`: no tick before this."""

    rule: RuleOfRepeat = Field(examples=["weekly mon,thu 09:00"])
    zone: ZoneName = Field(examples=["Europe/Berlin"])
    ends_at: Moment | None = Field(default=None, description="No tick after this.")
    times: int | None = Field(default=None, ge=1, le=MOST_TIMES, description="Ends after so many ticks.")


class RepeatUpdateRequest(RequestModel):
    """What is left out stays. null: no end, any hour."""

    rule: RuleOfRepeat | None = None
    zone: ZoneName | None = None
    ends_at: Moment | None = None
    times: int | None = Field(default=None, ge=1, le=MOST_TIMES, description="So many ticks from now on.")
    sending_hours: SendingHoursRequest | None = None
