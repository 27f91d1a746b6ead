"""rq-dashboard at /queue/, made safe: it trusts Redis, its visitors and every GET.

The gate keeps strangers out of it as out of every page, its scripts included. Templates
of the same names in templates/rq_dashboard close its holes for stored scripts.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import rq_dashboard
from flask import Flask, Response, abort, current_app, g, request
from redis.exceptions import RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq_dashboard import web
from werkzeug.exceptions import MethodNotAllowed

from mailroom.queue import Worker
from mailroom.queue.connection import connect
from mailroom.queue.job import Job, JobList
from mailroom.settings import Settings
from mailroom.web import errors

NAME = rq_dashboard.blueprint.name
REGISTRIES = {"queued", "scheduled", "deferred", "started", "finished", "failed", "canceled"}
JOB_ID = re.compile("[A-Za-z0-9_-]+")
MOST_PER_PAGE = 200
MOST_PAGES = 1_000_000

POLICY = "; ".join(
    (
        "default-src 'self'",
        # Its templates are compiled in the browser, hence eval; what a template shows cannot
        # run, for it does not know the nonce.
        "script-src 'self' 'unsafe-eval' 'nonce-{nonce}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

DOWN = (
    "Redis cannot be reached",
    "The queue cannot be shown just now. Mailings are accepted all the same, and sent when it is back.",
)


def init_app(app: Flask, settings: Settings) -> None:
    _teach_it_our_jobs()
    app.extensions["mailroom.dashboard"] = connect(settings.redis_url)
    app.redis_conn = app.extensions["mailroom.dashboard"]  # type: ignore[attr-defined]
    # What the page names as its Redis: a word, for a URL may hold a password anywhere.
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("Redis",)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix="/queue")
    # On the application: the blueprint is one per process, and refuses hooks once it was registered.
    app.before_request(_check)
    app.after_request(_set_policy)
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{NAME}."):
            app.view_functions[endpoint] = _answering(view)
    app.jinja_env.globals["script_nonce"] = _nonce


def _teach_it_our_jobs() -> None:
    """Its own classes unpickle what they find in Redis; ours read JSON, and write no pickle."""
    web.Job, web.Queue, web.Worker = Job, JobList, Worker
    web.requeue_job = lambda job_id, connection: Job.fetch(job_id, connection).requeue()
    # It would open a connection a request, without any timeout.
    web.from_url = lambda *_, **__: (None, current_app.extensions["mailroom.dashboard"])


def _check() -> None:
    """Refuses what the dashboard would stumble over, or do without being asked by its own page."""
    if request.blueprint != NAME:
        return
    asked: dict[str, Any] = request.view_args or {}
    if asked.get("instance_number") or asked.get("registry_name", "queued") not in REGISTRIES:
        abort(404)
    if not JOB_ID.fullmatch(asked.get("job_id", "none")):
        abort(404)
    per_page, page = str(asked.get("per_page", 1)), str(asked.get("page", 1))
    if not (_is_between(1, per_page, MOST_PER_PAGE) and _is_between(1, page, MOST_PAGES)):
        abort(404)
    if request.method in ("GET", "HEAD") and request.endpoint == f"{NAME}.requeue_all":
        raise MethodNotAllowed(valid_methods=["POST"])
    if request.method == "POST" and not _is_from_here():
        abort(403)


def _is_between(fewest: int, asked: str, most: int) -> bool:
    return asked.isdecimal() and len(asked) < 9 and fewest <= int(asked) <= most


def _is_from_here() -> bool:
    """Whether a page of this site sent it. The form token is asked for as well, where it is set up."""
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        return False
    return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    """`view`, with an answer for what is gone and for a Redis that is away."""

    @wraps(view)
    def answering(**asked: Any) -> Any:
        try:
            if request.endpoint not in (f"{NAME}.static", f"{NAME}.favicon"):
                current_app.extensions["mailroom.dashboard"].ping()
            return view(**asked)
        except (NoSuchJobError, InvalidJobOperation):
            return errors.answer(404, *errors.WORDS[404])
        except RedisError:
            return errors.answer(503, *DOWN)

    return answering


def _set_policy(response: Response) -> Response:
    if request.blueprint == NAME and response.mimetype == "text/html" and "script_nonce" in g:
        response.headers["Content-Security-Policy"] = POLICY.format(nonce=g.script_nonce)
    return response


def _nonce() -> str:
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    nonce: str = g.script_nonce
    return nonce
