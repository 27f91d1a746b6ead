"""The unsubscribe page: GET asks, POST unsubscribes, as RFC 8058 has it, with no cookie and no token.

Whatever follows links changes nothing. A link that is none of ours gets the same answer always, and the
ledger is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.blueprints import BlueprintSetupState
from limits import parse
from werkzeug.routing import BaseConverter

from mailroom.content.links.unsubscribe import ONE_CLICK, UNSUBSCRIBE_PATH
from mailroom.database.faults import LEDGER_AWAY
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.consent.unsubscribing import Subscription, scopes_of
from mailroom.web import mailroom
from mailroom.web.sign_in.attempts import attempts
from mailroom.web.unsubscribe.ring import ring
from mailroom.web.unsubscribe.sheet import SHEET_NAME
from mailroom.web.unsubscribe.words import LANGUAGES, language

log = structlog.get_logger()

blueprint = Blueprint("unsubscribe", __name__)

TAKEN_BACK_AT_MOST = (parse("10/day"),)
"""By one link: each needs two writes, and nobody errs more often. To unsubscribe always works."""

EVIDENCE = {True: "its own link, in one click", False: "its own link, on the page"}


class Rest(BaseConverter):
    """All that follows in an address, whatever it is: it is a link, or none."""

    part_isolating = False
    regex = "(?s:.+)"


@blueprint.record_once
def _routes(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["rest"] = Rest
    # No redirect to a tidier address: nothing is behind it.
    as_it_is = {"merge_slashes": False, "strict_slashes": False}
    for view, method in ((show, "GET"), (change, "POST")):
        state.add_url_rule(
            f"{UNSUBSCRIBE_PATH}<rest:token>", view.__name__, view, methods=[method], **as_it_is
        )
        for bare in (UNSUBSCRIBE_PATH, UNSUBSCRIBE_PATH.rstrip("/")):
            state.add_url_rule(bare, view.__name__, view, methods=[method], **as_it_is)


def show(token: str = "") -> Response:
    of = ring().subscription(token)
    if of is None:
        return broken()
    standing = unsubscribing.look(mailroom().database, of)
    stopped = _least(of, standing)
    return _asked(of, standing) if stopped is None else _stopped(of, stopped, standing)


def change(token: str = "") -> Response:
    of = ring().subscription(token)
    if of is None:
        return broken()
    chosen = {scope.word: scope for scope in scopes_of(of)}
    scope = chosen.get(request.form.get("scope", ""), scopes_of(of)[0])
    if request.form.get("do") == "take-back":
        return _take_back(of, scope)
    is_one_click = request.form.get(ONE_CLICK[0]) == ONE_CLICK[1]
    standing = unsubscribing.look(mailroom().database, of)
    if scope not in standing:
        with mailroom().database.begin_at_once() as connection:
            unsubscribing.unsubscribe(connection, of, scope, EVIDENCE[is_one_click])
            standing = unsubscribing.standing(connection, of)
        log.info("somebody unsubscribed", delivery=of.delivery_id, scope=scope.word, one_click=is_one_click)
    return _stopped(of, scope, standing)


def _take_back(of: Subscription, scope: Scope) -> Response:
    is_own = unsubscribing.look(mailroom().database, of).get(scope, False)
    if is_own and _is_too_often(of):
        return _page(429, "too_often")
    if is_own:
        with mailroom().database.begin_at_once() as connection:
            unsubscribing.take_back(connection, of, scope)
        log.info("somebody took an unsubscription back", delivery=of.delivery_id, scope=scope.word)
    standing = unsubscribing.look(mailroom().database, of)
    stopped = _least(of, standing)
    if stopped is not None:  # by another link, or by a person
        return _stopped(of, stopped, standing)
    return _page(200, "back", of=of, scope=scope)


def _is_too_often(of: Subscription) -> bool:
    words = (str(of.delivery_id), of.address_key, *of.scope)
    return attempts().count(TAKEN_BACK_AT_MOST, "taken back", *words) > 0


def _least(of: Subscription, standing: Collection[Scope]) -> Scope | None:
    """The narrowest scope in which nothing comes any more."""
    return next((scope for scope in scopes_of(of) if scope in standing), None)


def _asked(of: Subscription, standing: Collection[Scope]) -> Response:
    return _page(200, "ask", of=of, choices=_wider(of, standing))


def _stopped(of: Subscription, scope: Scope, standing: Mapping[Scope, bool]) -> Response:
    return _page(
        200, "stopped", of=of, scope=scope, is_own=standing.get(scope, False), choices=_wider(of, standing)
    )


def _wider(of: Subscription, standing: Collection[Scope]) -> list[Scope]:
    """What could be stopped beyond what is."""
    scopes = scopes_of(of)
    widest = max((at for at, scope in enumerate(scopes) if scope in standing), default=-1)
    return list(scopes[widest + 1 :])


def broken() -> Response:
    """For everything that is none of our links."""
    return _page(404, "broken")


@blueprint.errorhandler(404)
@blueprint.errorhandler(413)
def _broken(_: Exception) -> Response:
    return broken()


def _later(_: Exception) -> Response:
    response = _page(503, "later")
    response.headers["Retry-After"] = "60"
    return response


for _kind in LEDGER_AWAY:
    blueprint.register_error_handler(_kind, _later)


def _page(status: int, what: str, **shown: Any) -> Response:
    spoken, sheet = language(), current_app.extensions[SHEET_NAME]
    body = render_template(
        "unsubscribe/page.html",
        what=what,
        words=LANGUAGES[spoken],
        language=spoken,
        sheet=sheet.element,
        **shown,
    )
    headers = {
        "Content-Security-Policy": sheet.policy,
        "Content-Language": spoken,
        "Vary": "Accept-Language",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return make_response(body, status, headers)
