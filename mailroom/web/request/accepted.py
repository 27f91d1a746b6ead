"""Accepted is accepted: from the commit on, nothing that goes wrong in a request becomes its answer.

A view says `stands(response)` as soon as its submission is on disk. An error in what follows, in the
view or in what the application does with every answer, is logged, and the response sent as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app, request
from flask import Response as FlaskResponse
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from mailroom.web.request.form_files import FormRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PLACE = "mailroom.accepted"
"""In the request's environ: Flask's g may outlive a request."""

R = TypeVar("R", bound=Response)


def stands(response: R) -> R:
    """The answer of this request, whatever else happens."""
    request.environ[PLACE] = response
    return response


class PlainResponse(FlaskResponse):
    """Flask's own, which would go through its headers and copy them: most are to be sent as they stand."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        is_as_it_stands = self.status_code == 200 and "Content-Length" in self.headers
        if is_as_it_stands and "Location" not in self.headers and "Content-Location" not in self.headers:
            return self.headers
        return super().get_wsgi_headers(environ)


class Application(Flask):
    """Flask, which asks for the standing answer before it makes an error of an exception."""

    request_class = FormRequest
    response_class = PlainResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """None of ours is a coroutine, and Flask asks that of every hook and view in every request."""
        return func

    def handle_user_exception(self, e: Exception) -> ResponseReturnValue:
        return _standing() or super().handle_user_exception(e)

    def handle_exception(self, e: Exception) -> Response:  # type: ignore[override]
        response = _standing()
        if response is None:
            return super().handle_exception(e)
        return self.finalize_request(response, from_error_handler=True)


def _standing() -> Response | None:
    response: Response | None = request.environ.get(PLACE)
    if response is not None:
        current_app.logger.exception("accepted; a step after it failed: %s %s", request.method, request.path)
    return response
