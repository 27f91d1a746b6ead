"""Up to a hundred emails by one request: all or none of the good ones, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request

from mailroom.engine.accept.several import AnswerForAll, accept_several
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.idempotency import NOT_MADE, REPLAYED, conflicts, earlier_answer, idempotency_of
from mailroom.web.api.operations import api_key, operation
from mailroom.web.api.requests.emails import EmailRequest
from mailroom.web.api.requests.letters import MOST_EMAILS
from mailroom.web.api.requests.templates import TemplatedEmailRequest
from mailroom.web.api.submitted import submissions
from mailroom.web.api.submitted.templated import email_of
from mailroom.web.request.accepted import stands

STRICT, PERMISSIVE = "strict", "permissive"


@operation(
    "POST",
    "/emails/batch",
    scope=api_keys.SEND,
    takes=EmailRequest,
    takes_instead=TemplatedEmailRequest,
    takes_many=MOST_EMAILS,
    gives=answers.SentBatchAnswer,
    headers=("Idempotency-Key", "x-batch-validation"),
    errors=(404, 409, 413),
)
def send_batch() -> Response:
    """Send up to 100 emails.

    With `x-batch-validation: strict`, the default, one mistake refuses all of them; with
    `permissive` the good ones are accepted, and `errors` tell of the others.
    """
    key = api_key()
    idempotency = idempotency_of(key)
    try:
        good, errors = _each(key, _mode())
    except NOT_MADE:
        # What has changed since the first time must not turn a retry into an error.
        before = earlier_answer(idempotency) if idempotency is not None else None
        if before is None:
            raise
        return _answer(AnswerForAll(before, replayed=True))

    def text(accepted: Sequence[Accepted]) -> str:
        data: dict[str, Any] = {"data": [{"id": one.uid} for one in accepted]}
        return json.dumps(data | ({"errors": errors} if _mode() == PERMISSIVE else {}))

    with conflicts():
        given = accept_several(mailroom().database, mailroom().queue, good, text, idempotency)
        return stands(_answer(given))


def _mode() -> str:
    mode = request.headers.get("x-batch-validation", STRICT)
    if mode not in (STRICT, PERMISSIVE):
        raise Unprocessable("`x-batch-validation` must be strict or permissive.")
    return mode


def _each(key: ApiKey, mode: str) -> tuple[list[Submission], list[dict[str, Any]]]:
    """The good ones, and for permissive validation what is wrong with the others."""
    good: list[Submission] = []
    errors: list[dict[str, Any]] = []
    for index, value in enumerate(body.read_list(MOST_EMAILS)):
        try:
            good.append(submissions.of_email(email_of(value, key), key))
        except ApiError as error:
            if mode == STRICT:
                raise ApiError(
                    error.status, error.name, f"Email {index} of the array: {error.message}"
                ) from None
            errors.append({"index": index, "message": error.message})
    return good, errors


def _answer(given: AnswerForAll) -> Response:
    headers = REPLAYED if given.replayed else {}
    return Response(given.text, content_type="application/json", headers=headers)
