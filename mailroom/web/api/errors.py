"""Errors of the API: {statusCode, name, message}, as Resend says it.

ApiError                one family: raised anywhere below a view
├── Unprocessable       422: what was sent cannot be used
└── (status, name)      everything else
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, current_app, jsonify, make_response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from mailroom.content.writing.converter import ConverterBusy
from mailroom.database.faults import LEDGER_AWAY, what_to_do
from mailroom.files import NoTemporaryRoom
from mailroom.ledger.people.api_keys import KeyEnded
from mailroom.ledger.people.program_room import ProgramIsFull
from mailroom.web.api.blueprint import blueprint
from mailroom.web.layout.filters import size
from mailroom.web.request.errors import LATER, later, sentence, when_there_is_room, with_headers_of


class ApiError(Exception):
    """An answer that is not a success. `name` is what a program goes by, `message` what a person reads."""

    def __init__(
        self, status: int, name: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message
        self.headers = dict(headers or {})


class Unprocessable(ApiError):
    """What was sent cannot be used; the message names the field and the fix."""

    def __init__(self, message: str, name: str = "validation_error") -> None:
        super().__init__(422, name, message)


ERROR_NAMES = {
    400: "validation_error",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "validation_error",
    429: "rate_limit_exceeded",
}


def not_found(what: str) -> ApiError:
    return ApiError(404, "not_found", f"{what} not found.")


def answer(status: int, name: str, message: str) -> Response:
    return make_response(jsonify({"statusCode": status, "name": name, "message": message}), status)


@blueprint.errorhandler(ApiError)
def _refused(error: ApiError) -> Response:
    response = answer(error.status, error.name, error.message)
    response.headers.update(error.headers)
    return response


@blueprint.errorhandler(KeyEnded)
def _key_ended(error: KeyEnded) -> Response:
    return answer(403, "invalid_api_key", "API key is invalid: it has ended meanwhile. Nothing was accepted.")


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    status = error.code or 500
    name = ERROR_NAMES.get(status, "application_error")
    return with_headers_of(error, answer(status, name, error.description or error.name))


@blueprint.errorhandler(413)
def _too_large(error: RequestEntityTooLarge) -> Response:
    limit = request.max_content_length or 0
    message = f"The request is too large: up to {size(limit)} can be sent at once, attachments included."
    return answer(413, ERROR_NAMES[413], message)


def _no_ledger(error: SQLAlchemyError) -> Response:
    why = what_to_do(error)
    message = (
        f"{sentence(why)} Nothing was accepted."
        if why
        else "The ledger cannot be reached, so nothing was accepted. Try again in a moment."
    )
    return later(error, answer(503, "application_error", message))


@blueprint.errorhandler(ConverterBusy)
def _busy(error: ConverterBusy) -> Response:
    response = answer(503, "application_error", f"{error} Nothing was accepted.")
    response.headers.update(LATER)
    return response


@blueprint.errorhandler(ProgramIsFull)
def _full(error: ProgramIsFull) -> Response:
    return answer(409, "validation_error", str(error))


@blueprint.errorhandler(NoTemporaryRoom)
def _no_room(error: NoTemporaryRoom) -> Response:
    return when_there_is_room(error, answer(503, "application_error", f"{error} Nothing was accepted."))


for kind in LEDGER_AWAY:
    blueprint.register_error_handler(kind, _no_ledger)


@blueprint.errorhandler(Exception)
def _broken(error: Exception) -> Response:
    current_app.logger.exception("a request failed: %s %s", request.method, request.path)
    message = "Something broke, and the fault is ours. What was accepted before is safe in the ledger."
    return answer(500, "application_error", message)
