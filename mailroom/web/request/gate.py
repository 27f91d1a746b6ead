"""Authentication gate: every request passes here first, and strangers are sent to sign in.

Open to strangers are the blueprints in PUBLIC, which answer for themselves (the API has
its own keys), and the static files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from mailroom.database.together import Together
from mailroom.feedback.providers.post import LARGEST_POST
from mailroom.ledger.people import sign_ins, users
from mailroom.ledger.people.sign_ins import SignIn
from mailroom.ledger.people.tokens import token_hash
from mailroom.ledger.people.users import User
from mailroom.web import mailroom
from mailroom.web.request import origin
from mailroom.web.request.negotiation import wants_page
from mailroom.web.status import banners

T = TypeVar("T")

PUBLIC = {"sign_in", "health", "api", "metrics", "unsubscribe", "provider_door"}
STRANGERS_LIMIT = 64 * 1024
"""Bytes of a form that somebody sends who is not signed in: reading a large one costs seconds."""

FIND_VISITOR = sign_ins.with_facts(banners.ARE_THERE_ANY)

TOKEN = "sign_in"
"""Where the session cookie keeps the browser's token."""


def init_app(app: Flask) -> None:
    app.before_request(admit)
    app.jinja_env.globals["signed_in"] = lambda: getattr(g, "user", None)


def admit() -> AnyResponse | None:
    """Lets a known browser in, and everybody to what is public; notes when the request came."""
    g.started = time.perf_counter()
    if request.blueprint in ("sign_in", "unsubscribe"):
        request.max_content_length = STRANGERS_LIMIT
    elif request.blueprint == "provider_door":
        request.max_content_length = LARGEST_POST
    if request.endpoint == "static" or request.blueprint in PUBLIC:
        return None
    sign_in = _visitor()
    if sign_in is None:
        return _turned_away()
    g.user, g.sign_in = sign_in.user, sign_in
    if sign_in.is_stale:
        with mailroom().database.begin_at_once() as connection:
            sign_ins.seen(connection, sign_in.id)
        session.modified = True  # the cookie's own expiry moves on too
    return None


def _visitor() -> SignIn | None:
    """The same as current(). Most of what is only looked at are pages, which also say whether there is a
    banner: that comes in the same round trip.
    """
    token = session.get(TOKEN)
    if not token or request.method not in origin.READING:
        return current()
    found = sign_ins.look_with_facts(mailroom().database, token, FIND_VISITOR)
    if found is None:
        return None
    sign_in, are_there_any = found
    banners.note(are_there_any)
    return sign_in


def current() -> SignIn | None:
    """The sign-in of the browser that asks."""
    token = session.get(TOKEN)
    return sign_ins.look(mailroom().database, token) if token else None


def sign_in_hash() -> str:
    """By which whoever writes later finds out whether this browser is still signed in."""
    return token_hash(session[TOKEN])


def hold(connection: Connection) -> None:
    """Whoever asks may still do so, and nobody ends that before this transaction is over. Else 401."""
    reads = Together(connection)  # in this order
    held, found = reads.ask(users.hold, user().id), reads.ask(sign_ins.find, session[TOKEN])
    held()
    if found() is None:
        abort(401)


def read_for(connection: Connection, token: str, read: Callable[[Connection], T]) -> T:
    """What `read` finds, for a browser that is still signed in; else 401. For what outlasts its request."""
    reads = Together(connection)
    known, found = reads.ask(sign_ins.find, token), reads.ask(read)
    if known() is None:
        abort(401)
    return found()


def user() -> User:
    """Who asks. Only behind the gate."""
    found: User = g.user
    return found


def _turned_away() -> AnyResponse:
    if not wants_page():
        abort(401)
    if request.method == "POST":
        # No redirect: it would throw away what was typed. The browser's Back button has it.
        abort(401)
    where = None if request.path == "/" else request.full_path.rstrip("?")
    return redirect(url_for("sign_in.page", next=where), 303)


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of ours, whatever was asked for."""
    home = url_for("compose.page")
    if not target or not target.startswith("/") or "\\" in target or target.startswith("//"):
        return home
    parts = urlsplit(target)
    return home if parts.scheme or parts.netloc or not target.isprintable() else target
