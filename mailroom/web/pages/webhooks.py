"""/webhooks: who is told of what; an endpoint's secret, test, log and replay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.database.together import Together
from mailroom.engine.webhooks import many_calls
from mailroom.engine.webhooks.payload import body_of
from mailroom.http.guard import Forbidden, Guard
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints, webhook_events
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.web import mailroom
from mailroom.web.form_problems import SEEN, ChangeForm, as_seen, overtaken
from mailroom.web.layout.filters import count
from mailroom.web.request import gate
from mailroom.web.request.ids import number

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

CALLS_PAGE_SIZE = 50
ENDPOINT_OVERTAKEN = overtaken("this endpoint")
STATES = (webhook_events.CALL_WAITING, webhook_events.CALL_DONE, webhook_events.CALL_GIVEN_UP)


@dataclass(slots=True)
class WebhookForm(ChangeForm):
    """As typed; `problems`: (field, sentence)."""

    url: str = ""
    events: Sequence[str] = tuple(webhook_events.EVENTS)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def check(self, guard: Guard) -> bool:
        """Whether it is all right. Asks no name server: a host that is away may come back."""
        try:
            guard.target(self.url)
        except Forbidden as reason:
            self.refuse("url", str(reason))
        self.events = [event for event in webhook_events.EVENTS if event in self.events]
        if not self.events:
            self.refuse("events", "Choose at least one event.")
        return not self.problems


@blueprint.get("")
def page() -> Response:
    return _listed(WebhookForm())


def _listed(form: WebhookForm) -> Response:
    with mailroom().database.read() as connection:
        endpoints = webhook_endpoints.everyone(connection)
    body = render_template("webhooks/page.html", endpoints=endpoints, form=form, events=webhook_events.EVENTS)
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("")
def create() -> Response:
    form = _form()
    if form.problems:
        return _listed(form)
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        endpoint_id = webhook_endpoints.add(connection, form.url, form.events)
    flash("The endpoint is told from now on. Its secret is below; send it a test.", "good")
    return _to(endpoint_id)


@blueprint.get("/<int:endpoint_id>")
def show(endpoint_id: int) -> Response:
    return _shown(endpoint_id)


def _shown(endpoint_id: int, form: WebhookForm | None = None) -> Response:
    state, before = request.args.get("state"), request.args.get("before", type=number)
    state = state if state in STATES else None
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        found = reads.ask(webhook_endpoints.get, endpoint_id)
        page = reads.ask(webhook_calls.page, endpoint_id, state, before, CALLS_PAGE_SIZE + 1)
        endpoint, calls = found() or abort(404), page()
    form = form or WebhookForm(endpoint.url, endpoint.events, seen=_as_of(endpoint))
    body = render_template(
        "webhooks/show.html",
        endpoint=endpoint,
        form=form,
        events=webhook_events.EVENTS,
        calls=calls[:CALLS_PAGE_SIZE],
        before=calls[CALLS_PAGE_SIZE - 1].id if len(calls) > CALLS_PAGE_SIZE else None,
        state=state,
        tabs_of_states=_tabs(endpoint.id, state),
    )
    status = 422 if form.problems else 200
    return make_response(body, status, {"Cache-Control": "no-store"})  # it shows the secret


def _tabs(endpoint_id: int, state: str | None) -> list[dict[str, object]]:
    return [
        {
            "label": (name or "all").capitalize(),
            "href": url_for("webhooks.show", endpoint_id=endpoint_id, state=name),
            "is_current": name == state,
        }
        for name in (None, *STATES)
    ]


@blueprint.post("/<int:endpoint_id>")
def change(endpoint_id: int) -> Response:
    form = _form()
    if form.problems:
        return _shown(endpoint_id, form)
    with mailroom().database.begin_at_once() as connection:
        endpoint = _hold(connection, endpoint_id)
        if (form.url, tuple(form.events)) != (endpoint.url, endpoint.events):
            form.stop_if_overtaken(_as_of(endpoint), "url", ENDPOINT_OVERTAKEN)
        if not form.problems:
            webhook_endpoints.change(connection, endpoint_id, form.url, form.events)
    if form.problems:
        return _shown(endpoint_id, form)
    flash("The endpoint is changed.", "good")
    return _to(endpoint_id)


@blueprint.post("/<int:endpoint_id>/test")
def test(endpoint_id: int) -> Response:
    with mailroom().database.begin() as connection:
        if _endpoint(connection, endpoint_id).disabled_at is not None:
            return _disabled(_to(endpoint_id))
        webhook_events.note_test(connection, endpoint_id)
    flash("A test is on its way: its answer is in the log in a second or two.", "good")
    return _to(endpoint_id)


@blueprint.post("/<int:endpoint_id>/enable")
def enable(endpoint_id: int) -> Response:
    with mailroom().database.begin_at_once() as connection:
        _hold(connection, endpoint_id)
        webhook_endpoints.enable(connection, endpoint_id)
    flash("The endpoint is told again. What it missed can be replayed.", "good")
    return _to(endpoint_id)


@blueprint.post("/<int:endpoint_id>/disable")
def disable(endpoint_id: int) -> Response:
    if not many_calls.disable(mailroom().database, endpoint_id, webhook_endpoints.BY_HAND):
        abort(404)
    flash("The endpoint is told nothing any more.", "good")
    return _to(endpoint_id)


@blueprint.post("/<int:endpoint_id>/remove")
def remove(endpoint_id: int) -> Response:
    many_calls.remove(mailroom().database, endpoint_id)
    flash("The endpoint and its log are gone.", "good")
    return redirect(url_for("webhooks.page"), 303)


@blueprint.post("/<int:endpoint_id>/replay")
def replay_failed(endpoint_id: int) -> Response:
    with mailroom().database.read_at_once() as connection:
        endpoint = _endpoint(connection, endpoint_id)
    if endpoint.disabled_at is not None:
        return _disabled(_to(endpoint_id))
    calls = many_calls.replay_failed(mailroom().database, endpoint_id)
    flash(f"{count(calls, 'call is', 'calls are')} made again.", "good")
    return _to(endpoint_id)


@blueprint.get("/<int:endpoint_id>/calls/<int:call_id>")
def call(endpoint_id: int, call_id: int) -> str:
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        of, one = reads.ask(webhook_endpoints.get, endpoint_id), reads.ask(webhook_calls.get, call_id)
        endpoint, found = of(), one()
        if endpoint is None or found is None or found.endpoint_id != endpoint_id:
            abort(404)
        body = body_of(connection, found)
    shown = json.dumps(json.loads(body), indent=2, ensure_ascii=False) if body is not None else None
    return render_template("webhooks/call.html", endpoint=endpoint, call=found, body=shown)


@blueprint.post("/<int:endpoint_id>/calls/<int:call_id>/replay")
def replay(endpoint_id: int, call_id: int) -> Response:
    with mailroom().database.begin_at_once() as connection:
        reads = Together(connection)
        of, one = reads.ask(_endpoint, endpoint_id), reads.ask(webhook_calls.get, call_id)
        endpoint, found = of(), one()
        if found is None or found.endpoint_id != endpoint_id:
            abort(404)
        replayed = endpoint.disabled_at is None and webhook_calls.replay(connection, call_id)
    back = redirect(url_for("webhooks.call", endpoint_id=endpoint_id, call_id=call_id), 303)
    if endpoint.disabled_at is not None:
        return _disabled(back)
    flash(*("It is made again, under the same id.", "good") if replayed else ("It waits already.", "warning"))
    return back


def _disabled(back: Response) -> Response:
    flash("This endpoint is disabled: enable it first.", "warning")
    return back


def _form() -> WebhookForm:
    typed = request.form
    form = WebhookForm(typed.get("url", "").strip(), typed.getlist("events"), seen=typed.get(SEEN, ""))
    form.check(Guard(mailroom().settings.webhook_hosts))
    return form


def _endpoint(connection: Connection, endpoint_id: int) -> Endpoint:
    return webhook_endpoints.get(connection, endpoint_id) or abort(404)


def _hold(connection: Connection, endpoint_id: int) -> Endpoint:
    """The endpoint, which whoever asks may change, and nobody else does before this transaction is over."""
    reads = Together(connection)
    held, found = reads.ask(gate.hold), reads.ask(webhook_endpoints.get, endpoint_id, to_change=True)
    held()
    return found() or abort(404)


def _as_of(endpoint: Endpoint) -> str:
    return as_seen(endpoint.url, *endpoint.events)


def _to(endpoint_id: int) -> Response:
    return redirect(url_for("webhooks.show", endpoint_id=endpoint_id), 303)
