"""Static files: their addresses change with their content, so browsers keep them for good."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from mailroom.web.layout.links import link_to


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "")

    @cache
    def version(filename: str) -> str | None:
        try:
            return sha256((folder / filename).read_bytes()).hexdigest()[:10]
        except OSError:
            return None

    @app.url_defaults
    def _versioned(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and "filename" in values:
            values["v"] = version(values["filename"])

    @app.template_global()
    def asset(filename: str) -> str:
        """A static file's address."""
        return link_to("static", filename=filename)

    @app.after_request
    def _kept(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            response.headers["Cache-Control"] = f"public, {_age(request.path)}"
        return response


def _age(path: str) -> str:
    """How long a browser may use what it has without asking."""
    if "v" in request.args:
        return "max-age=31536000, immutable"
    # A module that another one imports: after an update, both must be the new ones.
    return "no-cache" if path.endswith(".js") else "max-age=3600"
