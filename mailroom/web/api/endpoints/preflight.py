"""Preflight by the API: a mailing is tried as a whole, and nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response

from mailroom.content.text.json_text import ROOM_FOR_MAILING
from mailroom.engine.preflight.crew import PreflightBusy
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.engine.preflight.preflight import preflight
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.answers import shown
from mailroom.web.api.errors import ApiError
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.requests import mailings as asked_for
from mailroom.web.api.requests.templates import (
    TemplatedListedMailingRequest,
    TemplatedPreflightRequest,
    is_templated,
)
from mailroom.web.api.submitted.listed import ListedMailing, is_listed, listed
from mailroom.web.api.submitted.submissions import plan_of_listed, plan_of_mailing
from mailroom.web.api.submitted.templated import listed_of, preflight_of


@operation(
    "POST",
    "/mailings/preflight",
    scope=api_keys.SEND,
    takes=asked_for.PreflightRequest,
    takes_instead=TemplatedPreflightRequest,
    takes_listed=(asked_for.ListedMailingRequest, TemplatedListedMailingRequest),
    json_room=ROOM_FOR_MAILING,
    gives=answers.PreflightAnswer,
    errors=(404, 413),
)
def preflight_mailing() -> Response:
    """Try a mailing without sending it.

    The body is that of a mailing. Every recipient's message is rendered and built, and what is odd is told
    with the rows that it concerns. What would be refused for another reason is refused here as well.
    """
    plan = _plan_of_listed(listed(), api_key()) if is_listed() else _plan(body.value(), api_key())
    try:
        report = preflight(mailroom().database, mailroom().settings, plan)
    except PreflightBusy:
        message = "Another large mailing is being tried just now. Try again in a few seconds."
        raise ApiError(429, "rate_limit_exceeded", message, {"Retry-After": "5"}) from None
    return answer(shown.preflight(report))


def _plan(value: Any, key: ApiKey) -> PreflightPlan:
    plan = plan_of_mailing(preflight_of(value, key), key)
    return replace(plan, has_template=is_templated(value))


def _plan_of_listed(given: ListedMailing, key: ApiKey) -> PreflightPlan:
    letter, parsed = listed_of(given.value, given.read(may_be_bad=True), key, is_tried=True)
    return replace(plan_of_listed(letter, parsed, key), has_template=is_templated(given.value))
