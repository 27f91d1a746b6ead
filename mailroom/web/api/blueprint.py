"""The API's blueprint. The gate lets it pass: it asks for keys of its own."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("api", __name__, url_prefix="/api")

API_ROOT = "/v1"
