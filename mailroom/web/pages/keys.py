"""/keys: what programs carry to use the API; made here, shown once, revoked here.

A new key is made of SECRET_KEY and a word in the session of who made it. So the answer to the form can be a
redirect, which no reload sends again, and the key is in no cookie and no URL.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha512
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mailroom.ledger.people import api_keys
from mailroom.web import mailroom
from mailroom.web.api.key_form import KeyForm
from mailroom.web.request import gate
from mailroom.web.request.gate import user

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

NEW_KEY = "new_key"
USUAL_SCOPES = (api_keys.SEND, api_keys.READ)


@blueprint.get("")
def page() -> Response:
    word = session.pop(NEW_KEY, None)
    return _shown(KeyForm("", USUAL_SCOPES), 200, key=_key_of(word) if word else "")


@blueprint.post("")
def create() -> Response:
    """The page that follows shows the key, once."""
    form = KeyForm(
        name=request.form.get("name", ""),
        scopes=request.form.getlist("scopes"),
        senders=request.form.get("senders", ""),
        expires_in=request.form.get("expires_in", ""),
        rate=request.form.get("rate", ""),
        shares_with=request.form.get("shares_with", ""),
    )
    values: dict[str, Any] = form.values()
    if form.problems:
        return _shown(form, 422)
    try:
        with mailroom().database.begin_at_once() as connection:
            gate.hold(connection)
            word = secrets.token_urlsafe(32)
            api_keys.add(connection, **values, user_id=user().id, key=_key_of(word))
    except api_keys.NoSuchKey:
        form.refuse_sharing()
        return _shown(form, 422)
    session[NEW_KEY] = word
    return redirect(url_for("keys.page", _anchor="new-key"), 303)


def _key_of(word: str) -> str:
    digest = hmac.digest(mailroom().settings.secret_key.encode(), f"a new API key:{word}".encode(), sha512)
    return api_keys.key_of(digest)


@blueprint.post("/<int:key_id>/revoke")
def revoke(key_id: int) -> Response:
    with mailroom().database.begin_at_once() as connection:
        revoked = api_keys.revoke(connection, key_id)
    flash(
        "The key is revoked: it opens nothing any more." if revoked else "That key was revoked already.",
        "good",
    )
    return redirect(url_for("keys.page"), 303)


def _shown(form: KeyForm, status: int, key: str = "") -> Response:
    with mailroom().database.read() as connection:
        listed = api_keys.everyone(connection)
        made = api_keys.find(connection, key) if key else None
    body = render_template(
        "keys/page.html",
        form=form,
        keys=listed,
        key=key if made else "",
        name=made.name if made else "",
        rate=api_keys.RATE,
        base_url=f"{mailroom().settings.public_url}/api/v1",
    )
    return make_response(body, status, {"Cache-Control": "no-store"})
