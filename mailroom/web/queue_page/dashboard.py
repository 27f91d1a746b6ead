"""rq-dashboard at /queue/, made safe: it trusts Redis, its visitors and every GET.

The gate keeps strangers out of it as out of every page, its scripts included. A part of an
address must name what exists (ARGUMENT_JUDGES). What its templates print is escaped for where it
stands: in a script by script_prints.py, in a table's row by templates/rq_dashboard/base.html.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import rq_dashboard
from flask import Flask, Response, abort, current_app, g, request
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq_dashboard import web
from werkzeug.exceptions import MethodNotAllowed

from mailroom.queue import BULK, URGENT
from mailroom.queue.connection import connect
from mailroom.queue.readable import ReadableJob, ReadableQueue
from mailroom.queue.strays import is_wrong_kind
from mailroom.settings import Settings
from mailroom.web.queue_page import neighbours, outcomes
from mailroom.web.queue_page.neighbours import OurWorker
from mailroom.web.queue_page.script_prints import ScriptPrints
from mailroom.web.request import errors

DASHBOARD_NAME = rq_dashboard.blueprint.name
DASHBOARD_REGISTRIES = {"queued", "scheduled", "deferred", "started", "finished", "failed", "canceled"}
JOB_ID = re.compile("[A-Za-z0-9_-]+")
DASHBOARD_FILE = re.compile("(css|js)/[a-z0-9.-]+")
MOST_PER_PAGE = 200
MOST_PAGES = 1_000_000

DASHBOARD_CONTENT_POLICY = "; ".join(
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

WRONG_KIND_PAGE = (
    "This list cannot be read",
    "Where one of Mailroom's lists should stand, Redis holds something of another kind. Workers put it "
    "aside within a minute; nothing that was accepted is lost.",
)

UNREADABLE = (
    "This list cannot be read",
    "Redis holds something here that Mailroom did not write. To empty the queue takes it away.",
)


def init_app(app: Flask, settings: Settings) -> None:
    _teach_it_our_jobs()
    app.extensions["mailroom.dashboard"] = connect(settings.redis_url)
    app.redis_conn = app.extensions["mailroom.dashboard"]  # type: ignore[attr-defined]
    # What the page names as its Redis: a word, for a URL may hold a password anywhere.
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("Redis",)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix="/queue")
    app.jinja_env.add_extension(ScriptPrints)
    outcomes.init_app(app)
    neighbours.init_app(app)
    # On the application: the blueprint is one per process, and refuses hooks once it was registered.
    app.before_request(_check)
    app.after_request(_set_policy)
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{DASHBOARD_NAME}."):
            app.view_functions[endpoint] = _answering(view)
    app.jinja_env.globals["script_nonce"] = _nonce


def _teach_it_our_jobs() -> None:
    """Its own classes unpickle what they find in Redis; ours read JSON, and write no pickle."""
    web.Job, web.Queue, web.Worker = ReadableJob, ReadableQueue, OurWorker
    web.requeue_job = lambda job_id, connection: ReadableJob.fetch(job_id, connection).requeue()
    # It would open a connection a request, without any timeout.
    web.from_url = lambda *_, **__: (None, _redis())


def _check() -> Response | None:
    """Refuses what the dashboard would stumble over, or do without being asked by its own page."""
    if request.blueprint != DASHBOARD_NAME:
        return None
    try:
        if not all(_exists(part, asked) for part, asked in (request.view_args or {}).items()):
            abort(404)
    except RedisError as error:
        return _refused(error)
    if request.method in ("GET", "HEAD") and request.endpoint == f"{DASHBOARD_NAME}.requeue_all":
        raise MethodNotAllowed(valid_methods=["POST"])
    return None


def _exists(part: str, asked: Any) -> bool:
    """Whether that part of an address names something. One that has no judge here names nothing."""
    judge = ARGUMENT_JUDGES.get(part)
    return judge is not None and judge(asked)


def _is_queue(name: str | None) -> bool:
    """One of ours, which need not have had a job yet, or one of another program on this Redis."""
    if name in (None, URGENT, BULK):
        return True
    return any(queue.name == name for queue in ReadableQueue.all(_redis()))


def _is_job(id: str) -> bool:
    return bool(JOB_ID.fullmatch(id)) and ReadableJob.exists(id, _redis())


def _is_between(fewest: int, asked: str | int, most: int) -> bool:
    digits = str(asked)
    return digits.isascii() and digits.isdecimal() and len(digits) < 9 and fewest <= int(digits) <= most


ARGUMENT_JUDGES: dict[str, Callable[[Any], bool]] = {
    "instance_number": lambda number: number == 0,
    "queue_name": _is_queue,
    "registry_name": DASHBOARD_REGISTRIES.__contains__,
    "per_page": lambda asked: _is_between(1, asked, MOST_PER_PAGE),
    "order": {"asc", "dsc"}.__contains__,
    "page": lambda asked: _is_between(1, asked, MOST_PAGES),
    "job_id": _is_job,
    "filename": lambda name: bool(DASHBOARD_FILE.fullmatch(name)),
}
"""Allow-list: says of each part of the dashboard's addresses whether it names something that exists."""


def _redis() -> Redis:
    redis: Redis = current_app.extensions["mailroom.dashboard"]
    return redis


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    """`view`, with an answer for what is gone and for a Redis that is away."""

    @wraps(view)
    def answering(**asked: Any) -> Any:
        try:
            if request.endpoint not in (f"{DASHBOARD_NAME}.static", f"{DASHBOARD_NAME}.favicon"):
                _redis().ping()
            return view(**asked)
        except (NoSuchJobError, InvalidJobOperation):
            return errors.answer(404, *errors.ERROR_PAGE_WORDS[404])
        except RedisError as error:
            return _refused(error)
        except ValueError:  # not UTF-8, or not what RQ expects: the address was judged before
            return errors.answer(503, *UNREADABLE)

    return answering


def _refused(error: RedisError) -> Response:
    return errors.answer(503, *(WRONG_KIND_PAGE if is_wrong_kind(error) else DOWN))


def _set_policy(response: Response) -> Response:
    if request.blueprint == DASHBOARD_NAME and response.mimetype == "text/html" and "script_nonce" in g:
        response.headers["Content-Security-Policy"] = DASHBOARD_CONTENT_POLICY.format(nonce=g.script_nonce)
    return response


def _nonce() -> str:
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    nonce: str = g.script_nonce
    return nonce
