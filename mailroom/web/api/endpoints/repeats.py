"""Repeats: keep, list, look at, change, pause, resume, cancel, send now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response, g
from sqlalchemy import Connection

from mailroom.content.addresses import parse_address
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.text.json_text import ROOM_FOR_MAILING
from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine.accept.submission import Idempotency, NotAccepted, Submission
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.repeats import repeats, ticks
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.ledger.repeats.ticks import TickOutcome
from mailroom.ledger.states import RepeatState
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import repeats as answers
from mailroom.web.api.answers import shown
from mailroom.web.api.answers.mails import AcceptedMailingAnswer
from mailroom.web.api.answers.shown import instant
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.idempotency import NOT_MADE, REPLAYED, conflicts, earlier_answer, idempotency_of, submit
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.paging import OlderPage
from mailroom.web.api.reach import ReachedRepeat
from mailroom.web.api.requests.letters import MOST_UPDATE_OCTETS
from mailroom.web.api.requests.repeats import RepeatRequest, RepeatUpdateRequest
from mailroom.web.api.submitted import submissions
from mailroom.web.api.submitted.submissions import refuse_sender
from mailroom.web.request.accepted import stands

TICKS_ANSWERED = 20
UPCOMING_ANSWERED = 10


@operation(
    "POST",
    "/repeats",
    scope=api_keys.SEND,
    takes=RepeatRequest,
    json_room=ROOM_FOR_MAILING,
    gives=answers.RepeatAnswer,
    headers=("Idempotency-Key",),
    errors=(409, 413),
)
def create_repeat() -> Response:
    """Keep a mailing that repeats.

    Each tick of its `rule` makes one mailing, once.
    """
    key = api_key()
    idempotency = idempotency_of(key)
    try:
        uid = _kept(key, idempotency)
    except NOT_MADE:
        # What has changed since the first time must not turn a retry into an error.
        before = earlier_answer(idempotency) if idempotency is not None else None
        if before is None:
            raise
        uid = before
    with mailroom().database.read_at_once() as connection:
        return answer(_found_and_shown(connection, uid))


def _kept(key: ApiKey, idempotency: Idempotency | None) -> str:
    """The repeat's uid. Raises ApiError, ConverterBusy; nothing was kept then."""
    asked = body.checked(RepeatRequest, body.value())
    submission = submissions.of_mailing(asked, key, idempotency)
    plan = RepeatPlan(repeat_rule(asked.rule), asked.zone, submission.hours, asked.ends_at, asked.times)
    try:
        with conflicts():
            return planning.keep(mailroom().database, submission, plan)
    except ValueError as error:
        raise Unprocessable(f"`rule`: {error}") from None


@operation(
    "GET", "/repeats", scope=api_keys.READ, query=OlderPage, gives=answers.RepeatListAnswer, errors=(404,)
)
def list_repeats() -> Response:
    """List repeats.

    Those of your program, newest first. For the next page, give the last id of this one as `after`.
    """
    page = body.read_query(OlderPage)
    with mailroom().database.read() as connection:
        after = None if page.after is None else ReachedRepeat(page.after, api_key()).find(connection).id
        reach = repeats.repeats_for(api_key())
        found = repeats.page(connection, reach, limit=page.limit + 1, before_id=after)
    some, more = page.shown(found)
    return answer({"object": "list", "has_more": more, "data": [_listed(one) for one in some]})


@operation("GET", "/repeats/{id}", scope=api_keys.READ, gives=answers.RepeatAnswer)
def get_repeat(repeat: ReachedRepeat) -> Response:
    """Look at a repeat.

    With its next ticks, and what became of the last ones.
    """
    with mailroom().database.read() as connection:
        return answer(_shown(connection, repeat.find(connection)))


@operation(
    "PATCH",
    "/repeats/{id}",
    scope=api_keys.SEND,
    takes=RepeatUpdateRequest,
    gives=answers.RepeatAnswer,
    errors=(409,),
)
def update_repeat(repeat: ReachedRepeat) -> Response:
    """Change when a repeat ticks.

    From now on: what was due before stays as it was.
    """
    asked = body.read(RepeatUpdateRequest, MOST_UPDATE_OCTETS)
    with mailroom().database.begin_at_once() as connection:
        reads = Together(connection)
        now, of = reads.ask(clock.now), reads.ask(partial(_to_send, repeat))
        found = of()
        with _told_of_its_zone():
            plan = _changed(planning.plan_of(found, asked.zone or ""), asked)
        if not planning.change(connection, found, plan, from_millis(now())):
            raise _not_now(found)
        return answer(_found_and_shown(connection, found.uid))


@operation("POST", "/repeats/{id}/pause", scope=api_keys.SEND, gives=answers.RepeatAnswer, errors=(409,))
def pause_repeat(repeat: ReachedRepeat) -> Response:
    """Pause a repeat.

    Ticks that come meanwhile make no mailing, and are not made up for.
    """
    return _move(repeat, lambda connection, found, now: repeats.pause(connection, found), RepeatState.PAUSED)


@operation("POST", "/repeats/{id}/resume", scope=api_keys.SEND, gives=answers.RepeatAnswer, errors=(409,))
def resume_repeat(repeat: ReachedRepeat) -> Response:
    """Resume a paused repeat."""

    def resume(connection: Connection, found: Repeat, now: datetime) -> bool:
        _check_sender(repeat, found)
        with _told_of_its_zone():
            resumed = planning.resume(connection, found, now)
        return resumed

    return _move(repeat, resume, RepeatState.ACTIVE)


@operation("POST", "/repeats/{id}/cancel", scope=api_keys.SEND, gives=answers.RepeatAnswer, errors=(409,))
def cancel_repeat(repeat: ReachedRepeat) -> Response:
    """Cancel a repeat.

    For good. The mailings that it made go on.
    """
    return _move(
        repeat, lambda connection, found, now: repeats.cancel(connection, found), RepeatState.CANCELED
    )


@operation(
    "POST",
    "/repeats/{id}/send",
    scope=api_keys.SEND,
    gives=AcceptedMailingAnswer,
    headers=("Idempotency-Key",),
    errors=(400, 409),
)
def send_repeat(repeat: ReachedRepeat) -> Response:
    """Send a repeat now.

    One mailing more, whatever its rule says.
    """
    database = mailroom().database
    with database.read_at_once() as connection:
        reads = Together(connection)
        of, kept = reads.ask(partial(_to_send, repeat)), reads.ask(repeats.submission_of_uid, str(repeat.uid))
        found, data = of(), kept()

    def submission(known: Idempotency | None) -> Submission:
        with _told_of_its_zone():
            due = planning.submission_of_now(data, found)
        return replace(due, key_id=api_key().id, idempotency=known, started=g.started)

    try:
        accepted = submit(api_key(), submission, lambda: ())
    except NotAccepted:
        raise _not_now(found) from None
    told = shown.accepted_mailing(accepted.uid, accepted.mailing_id, accepted.total, accepted.duplicates)
    return stands(answer(told, REPLAYED if accepted.replayed else None))


@contextmanager
def _told_of_its_zone() -> Iterator[None]:
    """A zone that is not known on this machine any more is a 409 that says so."""
    try:
        yield
    except ValueError as error:
        raise ApiError(409, "validation_error", f"`zone`: {error}") from None


def _to_send(asked: ReachedRepeat, connection: Connection) -> Repeat:
    """The repeat, for who has it make mailings. Raises ApiError if the key may not send from its sender."""
    found = asked.find(connection)
    _check_sender(asked, found)
    return found


def _check_sender(asked: ReachedRepeat, found: Repeat) -> None:
    refuse_sender(asked.key, parse_address(found.sender).address)


def _changed(plan: RepeatPlan, asked: RepeatUpdateRequest) -> RepeatPlan:
    given: dict[str, Any] = {name: getattr(asked, name) for name in asked.model_fields_set}
    if given.get("rule"):
        plan = replace(plan, rule=repeat_rule(given["rule"]))
    if given.get("zone"):
        plan = replace(plan, zone=given["zone"])
    if "sending_hours" in given:
        plan = replace(plan, hours=asked.sending_hours.hours() if asked.sending_hours else None)
    return replace(plan, **{name: given[name] for name in ("ends_at", "times") if name in given})


def _move(
    asked: ReachedRepeat, move: Callable[[Connection, Repeat, datetime], bool], wanted: RepeatState
) -> Response:
    """Asking twice is harmless."""
    with mailroom().database.begin_at_once() as connection:
        reads = Together(connection)
        now, before = reads.ask(clock.now), reads.ask(asked.find)()
        if not move(connection, before, from_millis(now())) and before.state is not wanted:
            raise _not_now(before)
        return answer(_found_and_shown(connection, before.uid))


def _not_now(found: Repeat) -> ApiError:
    return ApiError(409, "validation_error", f"This repeat is {found.state}: that cannot be done any more.")


def _listed(found: Repeat) -> dict[str, Any]:
    return {
        "object": "repeat",
        "id": found.uid,
        "state": found.state,
        "from": found.sender,
        "subject": found.subject,
        "total": found.total,
        "rule": found.rule,
        "zone": found.zone,
        "sending_hours": found.hours,
        "next_at": instant(found.next_at),
        "ends_at": instant(found.ends_at),
        "times": found.times,
        "paused_for": found.paused_for,
        "created_at": instant(found.created_at),
    }


def _found_and_shown(connection: Connection, uid: str) -> Mapping[str, Any]:
    """A RepeatAnswer about one that is known to be there."""
    reads = Together(connection)
    of, became = reads.ask(repeats.find, uid), reads.ask(ticks.of_uid, uid, limit=TICKS_ANSWERED)
    found = of()
    assert found is not None
    return _as_answer(found, became())


def _shown(connection: Connection, found: Repeat) -> Mapping[str, Any]:
    """The same about one that was found."""
    return _as_answer(found, ticks.of_repeat(connection, found.id, limit=TICKS_ANSWERED))


def _as_answer(found: Repeat, became: Sequence[TickOutcome]) -> Mapping[str, Any]:
    told = [
        {"at": instant(one.at), "mailing": one.mailing_id, "by_hand": one.by_hand, "why": one.why}
        for one in became
    ]
    upcoming = [instant(at) for at in planning.upcoming(found, UPCOMING_ANSWERED)]
    return {**_listed(found), "upcoming": upcoming, "ticks": told}
