"""Operations of the API: each checks its key, its rate and its input, and describes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, g, jsonify, request
from pydantic import BaseModel

from mailroom.content.text.json_text import ROOM_FOR_EMAILS, JsonRoom
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web.api import bearer, body, rates
from mailroom.web.api.blueprint import API_ROOT, blueprint
from mailroom.web.api.errors import ApiError
from mailroom.web.api.reach import is_reached, reached
from mailroom.web.api.requests.letters import RequestModel

View = Callable[..., Response]


ERRORS_OF_EVERY_OPERATION = (401, 403, 422, 429, 503)


class NoParameters(RequestModel):
    """An operation without any."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as the OpenAPI document and the docs page show it."""

    method: str
    path: str  # below API_ROOT, as OpenAPI writes it: /emails/{id}
    scope: str
    name: str
    summary: str
    description: str
    takes: type[BaseModel] | None = None
    takes_instead: type[BaseModel] | None = None  # another kind of body, which it takes as well
    takes_listed: tuple[type[BaseModel], ...] = ()  # as JSON beside a file of recipients, see listed.py
    takes_many: int = 0  # an array of up to so many
    gives: type[BaseModel] | None = None  # None: lines of text, see openapi.py
    gives_files: tuple[str, ...] = ()  # other content types in which it may be asked for
    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    json_room: JsonRoom = ROOM_FOR_EMAILS
    errors: tuple[int, ...] = ()  # beside those that its shape makes possible
    checks_key: bool = False  # in the transaction that writes: it accepts nothing of a key that has ended

    @property
    def tag(self) -> str:
        return self.path.split("/")[1].title()

    @property
    def all_errors(self) -> list[int]:
        """The statuses that it may refuse with."""
        of_body = {400} if self.takes is not None else set()
        of_id = {404} if "{id}" in self.path else set()
        return sorted({*ERRORS_OF_EVERY_OPERATION, *of_body, *of_id, *self.errors})


OPERATIONS: list[Operation] = []
"""All that views registered."""


def operation(method: str, path: str, *, scope: str, **described: Any) -> Callable[[View], View]:
    """Serves a view at `path`. Its docstring is the summary and, below it, the description.

    For an `{id}` in the path the view is given what it reaches: no other way leads to a mailing, a draft, a
    template or a list.
    """

    def register(view: View) -> View:
        summary, _, description = (view.__doc__ or "").partition("\n")
        known = Operation(
            method,
            path,
            scope,
            name=view.__name__,
            summary=summary.strip().rstrip("."),
            description=" ".join(description.split()),
            **described,
        )
        OPERATIONS.append(known)

        has_id = "{" in path
        assert not has_id or is_reached(path)

        @wraps(view)
        def guarded(id: str = "") -> Response:
            if not known.checks_key or "Idempotency-Key" in request.headers:  # a replay writes nothing
                return served(id, bearer.authenticate())
            key, is_new = bearer.authenticate_for_now()
            try:
                return served(id, key)
            except Exception:
                if not is_new:
                    bearer.find()  # who has a key that has ended hears only that
                raise

        def served(id: str, key: ApiKey) -> Response:
            _admit(key, scope)
            g.json_room = known.json_room
            if known.query is None and request.args:
                body.read_query(NoParameters)
            return view(reached(path, id, key)) if has_id else view()

        rule = API_ROOT + path.replace("{id}", "<named:id>")
        # OPTIONS: unknown.py tells of all methods of a path at once.
        blueprint.add_url_rule(
            rule, view.__name__, guarded, methods=[method], provide_automatic_options=False
        )
        return guarded

    return register


def _admit(key: ApiKey, scope: str) -> None:
    g.api_key = key
    try:
        g.ratelimit = rates.limited(key)
    except ApiError as error:
        g.ratelimit = error.headers
        raise
    bearer.require(key, scope)


def api_key() -> ApiKey:
    """Who asks."""
    key: ApiKey = g.api_key
    return key


def answer(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    response = jsonify(body)
    response.headers.update(headers or {})
    return response


@blueprint.after_request
def _finish(response: Response) -> Response:
    for name, value in g.get("ratelimit", {}).items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response
