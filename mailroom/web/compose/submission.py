"""Submission that the compose form describes, which the engine accepts; or what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.check import check, check_but_tags
from mailroom.content.content import BULK_PURPOSE, TRANSACTIONAL, Attachment, Content, DistantAttachment
from mailroom.content.links.unsubscribe import HOW_TO_LINK, lacks_link, list_name_of, purposed
from mailroom.content.message.header_lines import headers_in
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.content.schedule.zones import zone_named, zone_names
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.text.characters import without_direction
from mailroom.content.writing.converter import ConverterBusy
from mailroom.content.writing.pictures import with_pictures
from mailroom.content.writing.written import finished
from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.engine.accept.canary_size import canary_size
from mailroom.engine.accept.submission import (
    IF_UNKNOWN_CHOICES,
    LONGEST_CANARY_WAIT,
    LONGEST_UNDO,
    Idempotency,
    Submission,
)
from mailroom.engine.accept.waits import Waits
from mailroom.web import mailroom
from mailroom.web.compose import repeat_wish
from mailroom.web.compose.compose_form import OF_ITS_DRAFT, ChosenFile, ComposeForm
from mailroom.web.compose.list_choice import listed_name
from mailroom.web.compose.recipients import recipients_of
from mailroom.web.compose.template_choice import chosen_template, saying, with_values
from mailroom.web.layout.reader_zone import NO_ZONE_YET, planned_time, shown_zone
from mailroom.web.writing.written_form import field_of, said_by

MOST_REPLY_TO = 50
"""As by the API."""

PROBLEMS_NAMED = 10
"""Bad addresses of Reply-To."""

NO_LINK = f"This is bulk mail, and nobody sees in it how to unsubscribe. {HOW_TO_LINK}"

NOBODY = Address("")
"""Stands for a sender that could not be read, so that everything else is checked as well."""


def content_of(form: ComposeForm) -> Content:
    """What it says. What is wrong goes into `form.problems`."""
    template = chosen_template(form)
    sender = _sender(form, template)
    said, format = said_by(form, form.typed, sender.name or sender.address, template)
    content = Content(
        sender=sender,
        subject=form.value("subject").strip(" \t"),
        text=said.text or "",
        html=said.html or "",
        reply_to=_reply_to(form),
        headers=_headers(form),
        attachments=tuple(map(_attachment, form.attachments)),
        list_name=list_name_of(form.value("list")) or listed_name(form),
    )
    content = saying(form, content)
    try:
        content = replace(content, html=finished(content.html, format))
    except ConverterBusy as busy:
        form.refuse(field_of(form.typed, "html"), str(busy))
    return with_pictures(content)


def submission_of(
    form: ComposeForm, user_id: int, started: float, *, is_tried_as_a_whole: bool = False
) -> tuple[Submission, Parsed]:
    """The submission that the form describes. What is wrong goes into `form.problems`: look there first.

    `is_tried_as_a_whole`: what its merge tags make of it is preflight's.
    """
    parsed = recipients_of(form)
    content = content_of(form)
    parsed = with_values(form, content, parsed, may_lack=is_tried_as_a_whole)
    content = purposed(content, _purpose(form), len(parsed.recipients), parsed.columns)
    _check_consent(form, content)
    known = {name for name, _ in form.problems}
    found = (
        check_but_tags(content, parsed.recipients)
        if is_tried_as_a_whole
        else check(content, parsed.columns, parsed.recipients)
    )
    found = [(field_of(form.typed, name), sentence) for name, sentence in found if name not in known]
    form.problems += [finding for finding in found if finding[0] not in known]
    clocks = repeat_wish.zone_of_repeat(form, _zone(form))
    submission = Submission(
        content=content,
        recipients=parsed.recipients,
        columns=parsed.columns,
        duplicates=parsed.duplicates.total,
        send_at=_send_at(form),
        hours=_hours(form, clocks),
        undo=_undo(form, is_bulk=content.is_bulk),
        canary=_canary(form, len(parsed.recipients)),
        canary_wait=_canary_wait(form),
        expires_after=mailroom().settings.expires,
        if_unknown=form.value("if_unknown") if form.value("if_unknown") in IF_UNKNOWN_CHOICES else "resend",
        evidence_wait=mailroom().settings.evidence_wait,
        user_id=user_id,
        idempotency=_idempotency(form, user_id),
        written_as=form.value("draft"),
        started=started,
    )
    form.submission = submission
    form.repeat_plan = repeat_wish.plan_of_form(form, clocks, submission.hours)
    return submission, parsed


def _purpose(form: ComposeForm) -> str | None:
    """None: as its size says."""
    chosen = form.value("purpose")
    if chosen not in ("", BULK_PURPOSE, TRANSACTIONAL):
        form.refuse("purpose", "Choose bulk or transactional.")
    return chosen or None


def _check_consent(form: ComposeForm, content: Content) -> None:
    """A link is asked for once: whoever gets it has the mail program's own button in any case."""
    if content.list_name and not content.is_bulk:
        form.refuse("list", "Only bulk mail has a list that people can unsubscribe from.")
    form.lacks_link = lacks_link(content)
    if form.lacks_link and form.asks_for_link and not form.is_without_link:
        form.refuse(field_of(form.typed, "html" if content.html.strip() else "text"), NO_LINK)


def _attachment(file: ChosenFile) -> Attachment:
    """It stays where it was uploaded to, and is read when it is stored."""
    return DistantAttachment(file.filename, file.content_type, b"", length=file.size, read=file.slices)


def _sender(form: ComposeForm, template: TemplateLetter | None) -> Address:
    written = form.value("sender").strip() or (template.sender if template else "")
    if not written:
        form.problems.append(("sender", "Say who the mail is from."))
        return NOBODY
    try:
        return parse_address(written)
    except AddressError as error:
        form.problems.append(("sender", str(error)))
        return NOBODY


def _reply_to(form: ComposeForm) -> tuple[Address, ...]:
    parsed = parse_pasted(form.value("reply_to"))
    for problem in parsed.problems[:PROBLEMS_NAMED]:
        form.problems.append(("reply_to", f"{without_direction(problem.text)}: {problem.message}"))
    if len(parsed.recipients) > MOST_REPLY_TO:
        form.problems.append(("reply_to", f"Answers can go to {MOST_REPLY_TO} addresses at the most."))
    return tuple(Address(recipient.address, recipient.name) for recipient in parsed.recipients)


def _headers(form: ComposeForm) -> tuple[tuple[str, str], ...]:
    lines = form.value("headers").replace("\r\n", "\n").split("\n")
    try:
        return headers_in(filter(str.strip, lines))
    except ValueError as error:
        form.refuse("headers", f"This is no header: {error}")
        return ()


def _send_at(form: ComposeForm) -> datetime | None:
    try:
        planned = planned_time(form.value("send_at"), _zone(form))
    except ValueError as error:
        form.problems.append(("send_at", str(error)))
        return None
    form.send_at_note = planned.note if planned else ""
    return planned.moment if planned else None


def _hours(form: ComposeForm, zone: ZoneInfo) -> SendingHours | None:
    typed = form.value("hours").strip()
    try:
        return sending_hours(typed, zone.key) if typed else None
    except ValueError as error:
        form.refuse("hours", str(error))
        return None


def _undo(form: ComposeForm, *, is_bulk: bool) -> int:
    """Seconds."""
    seconds = _whole(
        form, "undo", LONGEST_UNDO, f"Write a number of seconds up to {LONGEST_UNDO:,}, or 0 to send at once."
    )
    return 0 if form.undoes_bulk_only and not is_bulk else seconds or 0


def waits_of(form: ComposeForm, recipients: int, *, is_bulk: bool) -> Waits:
    """For what so many recipients of it wait, beside their turn."""
    return Waits(_undo(form, is_bulk=is_bulk), _canary(form, recipients), _canary_wait(form))


def _canary(form: ComposeForm, recipients: int) -> int:
    """How many go first."""
    typed = form.value("canary").strip()
    try:
        return canary_size(typed.replace(" ", ""), recipients) if typed else 0
    except ValueError as error:
        form.refuse("canary", str(error))
        return 0


def _canary_wait(form: ComposeForm) -> int | None:
    """Seconds."""
    most = LONGEST_CANARY_WAIT // 60
    minutes = _whole(form, "canary_minutes", most, f"Write a number of minutes up to {most:,}.")
    return None if minutes is None else minutes * 60


def _whole(form: ComposeForm, name: str, most: int, refusal: str) -> int | None:
    """The number that was typed; None: nothing was, or it is refused."""
    typed = form.value(name).strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 4 and int(typed) <= most):
        form.refuse(name, refusal)
        return None
    return int(typed)


def _zone(form: ComposeForm) -> ZoneInfo:
    """The person's own, as the page showed it; while none is kept, the one that the form names."""
    named = form.value("time_zone")
    own = shown_zone(form.value("shown_zone"))
    return zone_named(own or (named if named in zone_names() else NO_ZONE_YET))


def _idempotency(form: ComposeForm, user_id: int) -> Idempotency | None:
    if not form.idempotency_key:
        return None
    digest = sha256()
    for name, value in sorted(form.typed.items()):
        if name in OF_ITS_DRAFT:
            continue
        digest.update(f"{name}\0{value}\0".encode("utf-8", "replace"))
    for file in form.files:
        digest.update(f"{file.filename}\0".encode("utf-8", "replace"))
        for data in file.slices(WRITTEN_AT_ONCE):
            digest.update(data)
    return Idempotency(f"form:{user_id}", form.idempotency_key, digest.hexdigest())
