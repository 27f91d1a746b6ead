"""For whatever watches over the process: does it live, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify

from mailroom.web import mailroom
from mailroom.web.status.checks import CHECKS_PATIENCE_SECONDS, Check, ask_all, within
from mailroom.web.status.servers import standings

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def lives() -> Response:
    """Asks nothing and nobody: a process that answers lives."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """The ledger, Redis, workers and sweeper, each named; 503 when one does not work.

    How the mail servers stand is told beside it: Mailroom is ready whatever they do.
    """
    here = mailroom()
    asked: dict[str, Callable[[], Any]] = {
        "parts": partial(ask_all, here),
        "mail_servers": partial(standings, here),
    }
    found = within(CHECKS_PATIENCE_SECONDS + 0.5, asked)
    checks: list[Check] = found["parts"]
    fine = all(check.ok for check in checks)
    parts = {check.name: {"ok": check.ok, "why": check.why} for check in checks}
    answer = {"ok": fine, "parts": parts, "mail_servers": found.get("mail_servers")}
    return jsonify(answer), 200 if fine else 503
