"""Error pages: what people and programs see when something cannot be done."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from mailroom.content.writing.converter import ConverterBusy
from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.files import NoTemporaryRoom
from mailroom.ledger.people.sign_ins import SignInEnded
from mailroom.supervision import cause
from mailroom.web.layout.filters import size
from mailroom.web.request import old_form, origin
from mailroom.web.request.negotiation import wants_page
from mailroom.web.request.origin import ForeignForm, OriginRefusal

ERROR_PAGE_WORDS = {
    400: (
        "That did not work",
        "The request could not be understood. Go back, reload the page and try again.",
    ),
    401: ("You are signed out", "Sign in, then go back in your browser: what you typed is still there."),
    403: ("That is not allowed", "You may not do this."),
    404: ("Nothing is here", "The address may be mistyped, or what it named is gone."),
    405: ("That did not work", "This page cannot be used in that way."),
    429: ("Too often", "Wait a little, then try again."),
    500: ("Something broke", "The fault is ours. What was accepted before is safe in the ledger."),
    503: (
        "The ledger cannot be reached",
        "Nothing was accepted just now, and nothing accepted before is lost. Try again in a moment.",
    ),
}

GO_BACK = "Go back in your browser: what you typed is still there."

LATER = {"Retry-After": "60"}
"""Beside a 503 for what is free again in a minute."""


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _old_form)
    app.register_error_handler(ForeignForm, lambda _: refused(origin.of_foreign_form()))
    app.register_error_handler(413, _too_large)
    app.register_error_handler(SignInEnded, lambda _: answer(401, *ERROR_PAGE_WORDS[401]))
    for kind in LEDGER_AWAY:
        app.register_error_handler(kind, _no_ledger)
    app.register_error_handler(ConverterBusy, _busy)
    app.register_error_handler(NoTemporaryRoom, _no_room)
    app.register_error_handler(Exception, _broken)


def answer(status: int, title: str, text: str, name: str = "") -> Response:
    """A page for people, JSON for programs."""
    if wants_page():
        if status >= 500 and request.method == "POST":
            text = f"{text} {GO_BACK}"
        return make_response(
            render_template("errors/page.html", status=status, title=title, text=text), status
        )
    body = {"statusCode": status, "name": name or _name(status), "message": f"{title}. {text}"}
    return make_response(jsonify(body), status)


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("'", "")


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    title, text = ERROR_PAGE_WORDS.get(status, (error.name, error.description or ""))
    return with_headers_of(error, answer(status, title, text))


def with_headers_of(error: HTTPException, response: Response) -> Response:
    """`response`, with what the error says beside its body: Allow, and the like."""
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def refused(refusal: OriginRefusal) -> Response:
    """A form that was not taken, and what to do about that."""
    origin.tell_operator(refusal)
    return answer(400, refusal.title, refusal.text, refusal.name)


def _old_form(error: CSRFError) -> Response:
    refusal = origin.of_token(error)
    typed = old_form.typed_again() if refusal is origin.TOO_OLD and wants_page() else None
    if typed is None:
        return refused(refusal)
    return make_response(render_template("errors/old_form.html", typed=typed), 400)


def _too_large(error: HTTPException) -> Response:
    """The front has let it finish: a browser that is cut off while it sends shows its own error."""
    limit = request.max_content_length or 0
    most = f"Up to {size(limit)} can be sent at once, attachments and lists included."
    if (request.content_length or 0) <= limit:
        most = "It has too many parts."
    return answer(413, "That is too large", f"{most} {GO_BACK}")


def _no_ledger(error: SQLAlchemyError) -> Response:
    title, text = ERROR_PAGE_WORDS[503]
    if why := what_to_do(error):
        title, text = "The ledger cannot be written", f"{sentence(why)} Nothing was accepted just now."
    return later(error, answer(503, title, text))


def _busy(error: ConverterBusy) -> Response:
    response = answer(503, "Too many letters at once", str(error))
    response.headers.update(LATER)
    return response


def _no_room(error: NoTemporaryRoom) -> Response:
    title, text = "There is no room", f"{error} Nothing was accepted just now."
    return when_there_is_room(error, answer(503, title, text))


def when_there_is_room(error: NoTemporaryRoom, response: Response) -> Response:
    """`response` to one whose request had no room on the disk: logged, and when to try again."""
    current_app.logger.error("a request cannot be stored: %s", error.__cause__)
    response.headers.update(LATER)
    return response


def sentence(half: str) -> str:
    """With its capital letter and its full stop."""
    return f"{half[0].upper()}{half[1:]}."


def later(error: SQLAlchemyError, response: Response) -> Response:
    """`response` to one who cannot be served without the ledger: logged, and when to try again."""
    current_app.logger.error("the ledger cannot be used: %s", cause(error))
    response.headers["Retry-After"] = "5"
    return response


def _broken(error: Exception) -> Response:
    current_app.logger.exception("a request failed: %s %s", request.method, request.path)
    return answer(500, *ERROR_PAGE_WORDS[500])
