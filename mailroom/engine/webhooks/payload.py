"""Webhook payload: Resend's shape, from what the ledger knows.

Made when it is sent, of what does not change any more, so a second try says the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.tags import parse_template
from mailroom.engine.letterhead import message_id_of, sender_of
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.feedback import reports
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import Event
from mailroom.ledger.webhooks.webhook_calls import Call

Tags = dict[str, str]

WITHOUT_WORDS = {Event.SUPPRESSED: Event.SUPPRESSED.sentence, Event.FAILED: "Its time was over."}


def body_of(connection: Connection, call: Call) -> bytes | None:
    """JSON; None when what it would tell of is not in the ledger any more."""
    return bodies_of(connection, [call])[call.id]


def bodies_of(connection: Connection, calls: Sequence[Call]) -> dict[int, bytes | None]:
    """The body of each call by its id; what many mails of one mailing share is read once."""
    known: dict[int, tuple[Mailing, Tags] | None] = {}
    for mailing_id in {call.mailing_id for call in calls if call.mailing_id is not None}:
        mailing = mailings.get(connection, mailing_id)
        known[mailing_id] = None if mailing is None else (mailing, _tags(connection, mailing_id))
    return {call.id: _body(call, _data(connection, call, known)) for call in calls}


def _body(call: Call, data: dict[str, Any] | None) -> bytes | None:
    if data is None:
        return None
    body = {"type": call.type, "created_at": _instant(call.at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _data(
    connection: Connection, call: Call, known: Mapping[int, tuple[Mailing, Tags] | None]
) -> dict[str, Any] | None:
    if call.mailing_id is None:
        return {"message": "A test from Mailroom: your endpoint works when it answers 200 to 299."}
    found = known[call.mailing_id]
    if found is None:
        return None
    mailing, tags = found
    if call.delivery_id is None:
        return _of_mailing(mailing)
    delivery = deliveries.get(connection, call.delivery_id)
    if delivery is None:
        return None
    data = _of_email(call, mailing, tags, delivery)
    if call.type == Event.BOUNCED:
        data["bounce"] = _bounce(call, is_transient=reports.came_back_for_now(connection, delivery.id))
    return data


def _bounce(call: Call, *, is_transient: bool) -> dict[str, Any]:
    """In Resend's words, which are Amazon SES's."""
    kind = "Transient" if is_transient else "Permanent"
    return {"message": call.reply or "", "type": kind, "subType": "General", "code": call.code}


def _tags(connection: Connection, mailing_id: int) -> Tags:
    content = contents.of(connection, mailing_id)
    return dict(content.tags) if content is not None else {}


def _of_mailing(mailing: Mailing) -> dict[str, Any]:
    return {
        "mailing_id": mailing.uid,
        "created_at": _instant(mailing.created_at),
        "ended_at": None if mailing.ended_at is None else _instant(mailing.ended_at),
        "from": sender_of(mailing),
        "subject": mailing.subject,
        "total": mailing.total,
        "counts": {state: number for state, number in mailing.counts.items() if number},
    }


def _of_email(call: Call, mailing: Mailing, tags: Tags, delivery: Delivery) -> dict[str, Any]:
    """`to` is the recipient that this event is about: each has a fate of its own."""
    data: dict[str, Any] = {
        "email_id": mailing.uid,
        "created_at": _instant(mailing.created_at),
        "from": sender_of(mailing),
        "to": [delivery.address],
        "subject": _subject(mailing, delivery),
        "message_id": message_id_of(mailing, delivery.id),
        "delivery_id": delivery.id,
        "role": delivery.role,
    }
    if tags:
        data["tags"] = tags
    event = Event(call.type)
    if event.reason is not None:
        data[event.reason] = {"reason": call.reply or WITHOUT_WORDS.get(event, ""), "code": call.code}
    return data


def _subject(mailing: Mailing, delivery: Delivery) -> str:
    if mailing.kind == "shared" or "{" not in mailing.subject:
        return mailing.subject
    values = {"email": delivery.address, "name": delivery.name, **(delivery.variables or {})}
    try:
        template = parse_template(mailing.subject)
        return template.render(values) if template is not None else mailing.subject
    except MergeError:
        return mailing.subject


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
