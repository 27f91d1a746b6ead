"""Suppressions: who gets no mail, or no more of some of it; for keys that administer."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Response

from mailroom.content.links.unsubscribe import list_name_of
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import ALL_MAIL, Scope
from mailroom.ledger.people import api_keys
from mailroom.ledger.suppressions import Suppression
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.errors import ApiError
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.requests import suppressed

log = structlog.get_logger()


@operation(
    "GET",
    "/suppressions",
    scope=api_keys.ADMIN,
    query=suppressed.SuppressionPage,
    gives=answers.SuppressionListAnswer,
)
def list_suppressions() -> Response:
    """List suppressions.

    In alphabetical order; of a search, addresses that begin with `q` come first. For the next page, give
    `next` of this one as `after`. A search looks through some 30,000 rows at a time: while `has_more` is
    true it goes on, though it may have found nothing yet.
    """
    asked = body.read_query(suppressed.SuppressionPage)
    with mailroom().database.read() as connection:
        found, go_on = suppressions.some(connection, asked.q, asked.after, asked.limit)
    return answer(
        {
            "object": "list",
            "has_more": go_on is not None,
            "next": go_on,
            "data": [_shown(one) for one in found],
        }
    )


@operation(
    "POST",
    "/suppressions",
    scope=api_keys.ADMIN,
    takes=suppressed.SuppressionRequest,
    gives=answers.SuppressionAnswer,
)
def add_suppression() -> Response:
    """Suppress an address.

    From its next mail on, also of mailings that are under way. One that is there already stays as it is.
    """
    asked = body.read(suppressed.SuppressionRequest)
    scope = _scope(asked)
    with mailroom().database.begin() as connection:
        api_keys.check_valid(connection, api_key())
        added = suppressions.add(
            connection,
            [asked.address.key],
            asked.reason,
            asked.note,
            scope=scope,
            evidence=f"added by API key {api_key().id}",
        )
        found = suppressions.find(connection, asked.address.key, scope)
    log.info("addresses are suppressed", key=api_key().id, number=added)
    assert found is not None
    return answer(_shown(found))


@operation(
    "POST",
    "/suppressions/remove",
    scope=api_keys.ADMIN,
    takes=suppressed.SuppressedAddress,
    gives=answers.RemovedSuppressionAnswer,
    errors=(404,),
)
def remove_suppression() -> Response:
    """Take an address off the list.

    In this scope; without one, where it is suppressed for all mail.
    """
    asked = body.read(suppressed.SuppressedAddress)
    scope = _scope(asked)
    with mailroom().database.begin() as connection:
        api_keys.check_valid(connection, api_key())
        removed = suppressions.remove(connection, asked.address.key, scope)
    if not removed:
        raise ApiError(404, "not_found", f"{asked.address.address} is not suppressed in this scope.")
    log.info("an address is suppressed no more", key=api_key().id, scope=scope.word)
    return answer({"object": "suppression", "address": asked.address.key, "deleted": True})


def _scope(asked: suppressed.SuppressedAddress) -> Scope:
    if asked.scope is None:
        return ALL_MAIL
    return Scope(asked.scope.sender.key, list_name_of(asked.scope.list_ or ""))


def _shown(one: Suppression) -> dict[str, Any]:
    return {
        "object": "suppression",
        "address": one.address_key,
        "scope": {"sender": one.sender, "list": one.list_name or None} if one.sender else None,
        "reason": one.reason,
        "note": one.note,
        "evidence": one.evidence,
        "mailing": one.mailing_id,
        "created_at": one.created_at.isoformat(timespec="milliseconds"),
    }
