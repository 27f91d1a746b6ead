"""/webhooks/providers: which mail providers may tell what became of a mail, and what came of it."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mailroom.feedback.providers.basic import BASIC_USER
from mailroom.feedback.providers.known import PROVIDERS, Provider
from mailroom.ledger.feedback import provider_doors, reports
from mailroom.web import mailroom
from mailroom.web.form_problems import SEEN
from mailroom.web.providers.provider_form import KEYS_OVERTAKEN, ProviderForm, form_of_keys
from mailroom.web.request import gate

blueprint = Blueprint("providers", __name__, url_prefix="/webhooks/providers")

SHOWN_EVENTS = 20
NEW_PASSWORD = "new_provider_password"


@blueprint.get("")
def page() -> str:
    with mailroom().database.read() as connection:
        doors = provider_doors.every(connection)
    return render_template("providers/page.html", providers=PROVIDERS.values(), doors=doors)


@blueprint.get("/<name>")
def show(name: str) -> Response:
    provider = _provider(name)
    word = session.pop(NEW_PASSWORD, None)
    return _shown(provider, ProviderForm(), _password_of(provider, word) if word else "")


@blueprint.post("/<name>")
def change(name: str) -> Response:
    """Makes the URL, with what was typed, or puts that in the place of the keys before."""
    provider = _provider(name)
    if not provider.is_signed:
        return _new_password(provider)
    form = ProviderForm(request.form.get("keys", ""), seen=request.form.get(SEEN, ""))
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        door = provider_doors.of_provider(connection, name)
        kept = door.keys if door else ()
        keys = form.keys(provider, kept)
        if tuple(keys) != kept:
            form.stop_if_overtaken(form_of_keys(kept).seen, "keys", KEYS_OVERTAKEN)
        if not form.problems:
            provider_doors.open_up(connection, name, keys)
    if form.problems:
        return _shown(provider, form)
    if keys:
        flash(f"{provider.title} is believed from now on, if it has the URL below.", "good")
    else:
        flash(f"The URL is below. Nothing is believed until the {provider.key_name} is here.", "warning")
    return _to(name)


def _new_password(provider: Provider) -> Response:
    """The page that follows shows it, once: as with an API key, it is in no cookie and no URL of ours."""
    word = secrets.token_urlsafe(32)
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        provider_doors.open_up(connection, provider.name, [_password_of(provider, word)])
    session[NEW_PASSWORD] = word
    return _to(provider.name)


@blueprint.post("/<name>/remove")
def remove(name: str) -> Response:
    provider = _provider(name)
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        provider_doors.shut(connection, name)
    flash(f"{provider.title} is not heard any more. Its URL is gone for good.", "good")
    return _to(name)


def _shown(provider: Provider, form: ProviderForm, password: str = "") -> Response:
    with mailroom().database.read() as connection:
        door = provider_doors.of_provider(connection, provider.name)
        refusals = provider_doors.refusals(connection, provider.name, SHOWN_EVENTS)
        told = reports.latest_of_way(connection, provider.name, SHOWN_EVENTS)
    url = _url(provider, door.path) if door else ""
    if door and password not in door.keys:  # somebody made another one meanwhile
        password = ""
    if not form.problems and provider.is_signed:
        form = form_of_keys(door.keys if door else ())
    body = render_template(
        "providers/show.html",
        provider=provider,
        door=door,
        form=form,
        url=url,
        url_with_password=_with_password(url, password) if password else "",
        password=password,
        refusals=refusals,
        told=told,
    )
    return make_response(body, 422 if form.problems else 200, {"Cache-Control": "no-store"})


def _url(provider: Provider, path: str) -> str:
    return f"{mailroom().settings.public_url}/feedback/{provider.name}/{path}"


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{BASIC_USER}:{password}@{parts.netloc}{parts.path}"


def _password_of(provider: Provider, word: str) -> str:
    key = mailroom().settings.secret_key.encode()
    digest = hmac.digest(key, f"a password of {provider.name}:{word}".encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _provider(name: str) -> Provider:
    return PROVIDERS.get(name) or abort(404)


def _to(name: str) -> Response:
    return redirect(url_for("providers.show", name=name), 303)
