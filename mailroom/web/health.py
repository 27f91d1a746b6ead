"""For whatever watches over the process: does it live, and can it do its work?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from mailroom.web import mailroom
from mailroom.web.checks import ask_all

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def lives() -> Response:
    """Asks nothing and nobody: a process that answers lives."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """The ledger, Redis, workers and sweeper, each named; 503 when one does not work."""
    checks = ask_all(mailroom())
    fine = all(check.ok for check in checks)
    parts = {check.name: {"ok": check.ok, "why": check.why} for check in checks}
    return jsonify({"ok": fine, "parts": parts}), 200 if fine else 503
