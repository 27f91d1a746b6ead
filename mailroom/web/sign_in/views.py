"""Signing in, by the printed link of a local run or by e-mail and password; and out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from mailroom.database.together import Together
from mailroom.ledger.people import sign_ins, users
from mailroom.ledger.people.users import User
from mailroom.web import mailroom
from mailroom.web.layout.filters import duration
from mailroom.web.request import gate
from mailroom.web.sign_in import known_browsers, passwords
from mailroom.web.sign_in.attempts import attempts

log = structlog.get_logger()
blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
def page() -> AnyResponse | str:
    """The form; or, with a link's token, the way in."""
    if "token" in request.args:
        return _by_link(request.args["token"])
    if gate.current() is not None:
        return redirect(gate.safe_next(request.args.get("next")), 303)
    return _form()


def _by_link(token: str) -> AnyResponse:
    if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return Response(status=204)  # a browser that looks ahead has not decided to come
    with mailroom().database.read() as connection:
        user = users.by_link(connection, token)
    if user is None or not sign_in(user, lambda connection: users.by_link(connection, token) == user):
        flash(
            "That link is not valid any more: the newest one is printed where Mailroom was started.",
            "warning",
        )
        return _without_referrer(redirect(url_for("sign_in.page"), 303))
    return _without_referrer(redirect(gate.safe_next(request.args.get("next")), 303))


def _without_referrer(response: AnyResponse) -> AnyResponse:
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds a token
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/sign-in")
def submit() -> AnyResponse:
    """Signs in by e-mail and password. The same words for every reason to refuse."""
    email, password = request.form.get("email", "").replace("\0", ""), request.form.get("password", "")
    address, browser = request.remote_addr or "", known_browsers.find(email)
    if wait := attempts().begin(address, email, browser):
        log.warning("a sign-in is refused", address=address, reason="too many attempts")
        problem = f"Too many attempts. Try again in {duration(wait * 1000)}."
        return _again(email, problem, 429, wait)
    user, password_hash = passwords.user_of(mailroom().database, email, password)
    if user is None or not _by_password(user, password_hash):
        log.warning("a sign-in is refused", address=address, reason="wrong address or password")
        return _again(email, "This e-mail address and password do not belong together.", 422)
    attempts().succeeded(email, address, browser)
    known_browsers.remember(email)
    return redirect(gate.safe_next(request.args.get("next")), 303)


def _by_password(user: User, password_hash: str | None) -> bool:
    return sign_in(user, lambda connection: users.password_hash(connection, user.id) == password_hash)


def _form(email: str = "", problem: str = "") -> str:
    return render_template(
        "sign_in/page.html",
        email=email,
        problem=problem,
        is_local=mailroom().settings.local,
        now=datetime.now(UTC),
    )


def _again(email: str, problem: str, status: int, wait: int = 0) -> Response:
    return make_response(_form(email, problem), status, {"Retry-After": str(wait)} if wait else {})


def sign_in(user: User, may: Callable[[Connection], bool]) -> bool:
    """Signs this browser in as `user`, in a fresh session: nothing from before stays.

    False when what let them in has been revoked meanwhile: a password takes a while to compare.
    """
    with mailroom().database.begin_at_once() as connection:
        before, reads = session.get(gate.TOKEN), Together(connection)  # in this order
        held, allowed = reads.ask(users.hold, user.id), reads.ask(may)
        earlier = reads.ask(sign_ins.find, before) if before else None
        held()
        if not allowed():
            return False
        agent, address = request.headers.get("User-Agent", ""), request.remote_addr or ""
        known = earlier() if earlier else None
        if known is not None:
            sign_ins.end(connection, known.user.id, known.id)
        token = sign_ins.start(connection, user.id, agent, address)
    session.clear()
    session.permanent = True
    session[gate.TOKEN] = token
    return True


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    known = gate.current()
    if known is not None:
        with mailroom().database.begin() as connection:
            sign_ins.end(connection, known.user.id, known.id)
    session.clear()
    flash("You are signed out.", "good")
    return redirect(url_for("sign_in.page"), 303)
