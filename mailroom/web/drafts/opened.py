"""A draft as a compose form again."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection
from werkzeug.datastructures import FileStorage, MultiDict

from mailroom.content.schedule.sending_hours import sending_hours
from mailroom.content.schedule.zones import known_zones, zone_named
from mailroom.ledger.drafts import contents_of_drafts
from mailroom.ledger.drafts.kept_fields import KeptFields
from mailroom.ledger.drafts.stored import StoredDraft
from mailroom.web.compose import compose_form
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.uploads import Uploads
from mailroom.web.layout.reader_zone import in_zone, kept_zone


def _meant_by(form: ComposeForm) -> dict[str, str]:
    """Its times, typed on the clocks of one zone, where whoever opens it has another, or none kept."""
    named = form.value("time_zone")
    if named not in known_zones():
        return {}
    meant: dict[str, str] = {}
    if named != kept_zone():
        meant = {"send_at": in_zone(form.value("send_at"), zone_named(named)), "time_zone": kept_zone()}
    clocks = form.value("repeat_zone")
    return meant | _repeated_by(form, clocks if clocks in known_zones() else named)


def _repeated_by(form: ComposeForm, clocks: str) -> dict[str, str]:
    """Its hours, and its rule and the end of that, which no moments are: their zone is named."""
    if clocks == kept_zone():
        return {"repeat_zone": ""}
    hours, is_repeated = form.value("hours").strip(), form.value("repeat").strip() != ""
    meant = {"repeat_zone": clocks if is_repeated else ""}
    with suppress(ValueError):
        meant["hours"] = str(sending_hours(hours, clocks)) if hours else ""
    return meant


def fields_of(connection: Connection, draft: StoredDraft, form: KeptFields) -> MultiDict[str, str]:
    """Those of the draft, or of a version of it, as its page sent them; files by their tokens."""
    fields = MultiDict(contents_of_drafts.texts(connection, draft.id, form))
    for file in form.files:
        fields.add(file.field, file.token)
    return fields


def opened(draft: StoredDraft, fields: MultiDict[str, str], kept: Uploads) -> ComposeForm:
    """As it was left. Its idempotency key is the draft's: whoever sends it, it is one mailing."""
    form = compose_form.from_fields(fields, MultiDict[str, FileStorage](), kept)
    form.idempotency_key = draft.uid
    form.typed |= _meant_by(form) | {"shown_zone": kept_zone()}
    form.typed |= {"draft": draft.uid, "draft_revision": str(draft.revision)}
    return form
