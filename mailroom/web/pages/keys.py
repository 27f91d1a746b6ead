"""/keys: what programs carry to use the API; made here, shown once, revoked here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailroom.ledger.people import api_keys
from mailroom.web import mailroom
from mailroom.web.api.key_form import KeyForm
from mailroom.web.request import gate
from mailroom.web.request.gate import user

blueprint = Blueprint("keys", __name__, url_prefix="/keys")

USUAL_SCOPES = (api_keys.SEND, api_keys.READ)


@blueprint.get("")
def page() -> Response:
    return _shown(KeyForm("", USUAL_SCOPES), 200)


@blueprint.post("")
def create() -> Response:
    """Shows the new key in the answer itself: it is in no cookie, no URL and no page after this one."""
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
        with mailroom().database.begin() as connection:
            gate.hold(connection)
            key, _ = api_keys.add(connection, **values, user_id=user().id)
    except api_keys.NoSuchKey:
        form.refuse_sharing()
        return _shown(form, 422)
    return _shown(KeyForm("", USUAL_SCOPES), 200, key=key, name=values["name"])


@blueprint.post("/<int:key_id>/revoke")
def revoke(key_id: int) -> Response:
    with mailroom().database.begin() as connection:
        revoked = api_keys.revoke(connection, key_id)
    flash(
        "The key is revoked: it opens nothing any more." if revoked else "That key was revoked already.",
        "good",
    )
    return redirect(url_for("keys.page"), 303)


def _shown(form: KeyForm, status: int, key: str = "", name: str = "") -> Response:
    with mailroom().database.read() as connection:
        listed = api_keys.everyone(connection)
    body = render_template(
        "keys/page.html",
        form=form,
        keys=listed,
        key=key,
        name=name,
        rate=api_keys.RATE,
        base_url=f"{mailroom().settings.public_url}/api/v1",
    )
    return make_response(body, status, {"Cache-Control": "no-store"})
