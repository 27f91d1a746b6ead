"""POST /feedback/<provider>/<path>: what a provider tells, answered 200 once it is in the ledger.

Whoever is not believed gets the same answer as by a URL that there is not; why, is shown to people only. A
post that is proven is taken however many were refused before: a limit counts refusals, and hears them first.
"""

from __future__ import annotations

import re
from typing import cast

import structlog
from flask import Blueprint, Response, current_app, make_response, request
from limits import parse

from mailroom.engine.feedback.provider_posts import ProviderPosts
from mailroom.feedback.providers.post import CannotTell, Post, PostRefused
from mailroom.ledger.feedback import provider_doors
from mailroom.ledger.feedback.provider_doors import ProviderDoor
from mailroom.proxies import source
from mailroom.web import mailroom
from mailroom.web.sign_in.attempts import attempts

log = structlog.get_logger()

blueprint = Blueprint("provider_door", __name__)

PROVIDER_POSTS = "mailroom.provider_posts"
REFUSALS_NOTED = (parse("30/minute"),)
"""From one place: what goes beyond is not written down."""

DOOR_PATH = re.compile("[A-Za-z0-9_-]{20,64}")


@blueprint.post("/feedback/<provider>/<path>")
def take(provider: str, path: str) -> Response:
    door = find(provider, path)
    if door is None:
        return _answer(404)
    try:
        taken = _posts().take(door, Post(dict(request.headers), request.get_data()))
    except PostRefused as why:
        return _refused(door, str(why))
    except CannotTell as why:
        log.warning("a provider's post cannot be taken now", provider=provider, reason=str(why))
        return _answer(503)
    new = sum(one.is_new for one in taken)
    log.info("a provider told of mails", provider=provider, reports=len(taken), new=new)
    return _answer(200)


def find(provider: str, path: str) -> ProviderDoor | None:
    if not DOOR_PATH.fullmatch(path):
        return None
    door = provider_doors.look(mailroom().database, path)
    return door if door is not None and door.provider == provider else None


def _refused(door: ProviderDoor, why: str) -> Response:
    address = request.remote_addr or ""
    if attempts().count(REFUSALS_NOTED, "provider refused", source(address)):
        return _answer(429)
    log.warning("a provider's post was refused", provider=door.provider, reason=why, address=address)
    with mailroom().database.begin_at_once() as connection:
        provider_doors.note_refusal(connection, door.provider, address[:64], why)
    return _answer(404)


def _answer(status: int) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"}
    if status in (429, 503):
        headers["Retry-After"] = "60"
    return make_response("", status, headers)


def _posts() -> ProviderPosts:
    return cast(ProviderPosts, current_app.extensions[PROVIDER_POSTS])
