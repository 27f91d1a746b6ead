"""What is below /api/v1 and no operation: 404, or 405 with what there is, as JSON."""

from __future__ import annotations

from flask import Response, current_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mailroom.web.api.blueprint import ROOT, blueprint
from mailroom.web.api.errors import ApiError

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@blueprint.route(f"{ROOT}/", defaults={"path": ""}, methods=[*METHODS, "TRACE", "QUERY"])
@blueprint.route(f"{ROOT}/<path:path>", methods=[*METHODS, "TRACE", "QUERY"])
def unknown(path: str) -> Response:
    """Needs no key: it tells what the docs tell everybody."""
    allowed = [method for method in METHODS if _endpoint(path, method) not in (None, "api.unknown")]
    if allowed:
        raise MethodNotAllowed(allowed, f"This takes {', '.join(allowed)}.")
    raise ApiError(
        404, "not_found", "The requested endpoint does not exist; /api/docs tells which there are."
    )


def _endpoint(path: str, method: str) -> str | None:
    try:
        endpoint, _ = current_app.url_map.bind("").match(f"/api{ROOT}/{path}", method=method)
    except HTTPException:
        return None
    return str(endpoint)
