"""Unknown routes below /api/v1: 404, or 405 with what there is, as JSON; and OPTIONS."""

from __future__ import annotations

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter

from mailroom.web.api.blueprint import API_ROOT, blueprint
from mailroom.web.api.errors import ApiError


class Anything(BaseConverter):
    """Like `path`, which stops at line breaks."""

    part_isolating = False
    regex = "(?s:.+)"


class Named(BaseConverter):
    """What a program wrote where an id belongs: the operation tells what is wrong with it."""

    # Those are addresses of their own, with methods of their own.
    regex = "(?!(?:batch|raw|preflight|from-list|from-mailing)$)[^/]+"


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
UNUSUAL_METHODS = ("OPTIONS", "TRACE", "QUERY")


@blueprint.route(f"{API_ROOT}/", defaults={"path": ""}, methods=[*METHODS, *UNUSUAL_METHODS])
@blueprint.route(f"{API_ROOT}/<anything:path>", methods=[*METHODS, *UNUSUAL_METHODS])
def unknown(path: str) -> Response:
    """Needs no key: it tells what the docs tell everybody."""
    allowed = [method for method in METHODS if _endpoint(path, method) not in (None, "api.unknown")]
    if not allowed:
        message = "The requested endpoint does not exist; see /api/docs."
        raise ApiError(404, "not_found", message)
    allowed.append("OPTIONS")
    if request.method == "OPTIONS":
        return Response(status=204, headers={"Allow": ", ".join(allowed)})
    raise MethodNotAllowed(allowed, f"This takes {', '.join(allowed)}.")


def _endpoint(path: str, method: str) -> str | None:
    try:
        endpoint, _ = current_app.url_map.bind("").match(f"/api{API_ROOT}/{path}", method=method)
    except HTTPException:
        return None
    return str(endpoint)
