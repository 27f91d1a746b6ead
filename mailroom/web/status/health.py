"""For whatever watches over the process: does it live, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from mailroom.ledger import holding
from mailroom.web import Mailroom, mailroom
from mailroom.web.status.checks import CHECKS_PATIENCE_SECONDS, QUESTIONS, Check, ask_all, silent, within
from mailroom.web.status.servers import standings

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def lives() -> Response:
    """Asks nothing and nobody: a process that answers lives."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """The ledger, Redis, workers and sweeper, each named; 503 when one does not work.

    How the mail servers stand, and whether sending is held, is told beside it: it is ready all the same.
    """
    here = mailroom()
    asked: dict[str, Callable[[], Any]] = {
        "sending": partial(_sending, here),
        "parts": partial(ask_all, here),
        "mail_servers": partial(standings, here),
    }
    found = within(CHECKS_PATIENCE_SECONDS + 0.5, asked)
    checks: list[Check] = found.get("parts") or [silent(name) for name in QUESTIONS]
    fine = all(check.ok for check in checks)
    parts = {check.name: {"ok": check.ok, "why": check.why} for check in checks}
    beside = {name: found.get(name) for name in ("sending", "mail_servers")}
    return jsonify({"ok": fine, "parts": parts, **beside}), 200 if fine else 503


def _sending(mailroom: Mailroom) -> dict[str, Any] | None:
    """Whether it is held; the reason may be in a person's words, which are not for strangers."""
    try:
        with mailroom.database.read() as connection:
            hold = holding.present(connection, mailroom.settings.hold)
    except SQLAlchemyError:
        return None
    since = {"since": hold.since.isoformat(timespec="seconds")} if hold and hold.since else {}
    return {"held": hold is not None, **since}
