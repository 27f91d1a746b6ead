"""Static files: their addresses change with their content, so browsers keep them for good."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, request


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

    @app.after_request
    def _kept(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            age = "31536000, immutable" if "v" in request.args else "3600"
            response.headers["Cache-Control"] = f"public, max-age={age}"
        return response
