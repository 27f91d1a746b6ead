"""Stored templates: make, list, look at, change, publish, copy, fill, delete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import Connection

from mailroom.content.addresses import format_address, parse_address
from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.own_texts import OwnTexts, filled_with
from mailroom.content.templates.template_letter import (
    TemplateLetter,
    TemplateVariable,
    kind_of,
    letter_of,
    name_of_copy,
    problems_of,
)
from mailroom.content.writing.converter import ConverterBusy, NotConverted
from mailroom.content.writing.written_template import source_of, written_as
from mailroom.ledger.people import api_keys
from mailroom.ledger.templates import stored, versions
from mailroom.ledger.templates.reach import templates_for
from mailroom.ledger.templates.stored import AliasTaken
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import template_shown
from mailroom.web.api.answers import templates as answers
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.paging import Page
from mailroom.web.api.reach import ReachedTemplate
from mailroom.web.api.requests.templates import (
    RenderRequest,
    TemplateRequest,
    TemplateUpdateRequest,
    TemplateVariableRequest,
)
from mailroom.web.api.submitted.written import format_of
from mailroom.web.api.submitted.written import letter_of as letter_of_request

MOST_TEMPLATE_OCTETS = 4 << 20
"""Of a template, in JSON."""

FIELDS_OF_LETTER = ("subject", "html", "text")


@operation(
    "POST",
    "/templates",
    scope=api_keys.SEND,
    takes=TemplateRequest,
    gives=answers.ChangedTemplateAnswer,
    errors=(409, 413),
)
def create_template() -> Response:
    """Make a template.

    It is a draft: publish it to send with it.
    """
    key, asked = api_key(), body.read(TemplateRequest, MOST_TEMPLATE_OCTETS)
    letter = _checked(_changed(TemplateLetter(), asked))
    with _told(asked.alias), mailroom().database.begin_at_once() as connection:
        api_keys.check_valid(connection, key)
        uid = stored.add(
            connection,
            asked.name,
            letter.as_json(),
            alias=asked.alias,
            program_id=key.program,
            user_id=key.user_id,
        )
    return _answer(uid)


@operation(
    "GET",
    "/templates",
    scope=api_keys.READ,
    query=Page,
    gives=answers.TemplateListAnswer,
    errors=(404,),
)
def list_templates() -> Response:
    """List templates.

    Those of your program, and those that people made on the pages; newest first. For the next page, give
    the last id of this one as `after`.
    """
    page, reach = body.read_query(Page), templates_for(api_key())
    with mailroom().database.read() as connection:
        after, before = (_place(connection, uid) for uid in (page.after, page.before))
        found = stored.page(connection, reach, limit=page.limit + 1, after_id=after, before_id=before)
    some, more = page.shown(found)
    return answer(
        {"object": "list", "has_more": more, "data": [template_shown.listed_template(one) for one in some]}
    )


@operation("GET", "/templates/{id}", scope=api_keys.READ, gives=answers.TemplateAnswer)
def get_template(template: ReachedTemplate) -> Response:
    """Look at a template.

    At its draft, which is what was published last unless `has_unpublished_versions` says otherwise.
    """
    with mailroom().database.read() as connection:
        found = template.find(connection)
        published = versions.in_use(connection, found)
    return answer(template_shown.template(found, published))


@operation(
    "PATCH",
    "/templates/{id}",
    scope=api_keys.SEND,
    takes=TemplateUpdateRequest,
    gives=answers.ChangedTemplateAnswer,
    errors=(409, 413),
)
def update_template(template: ReachedTemplate) -> Response:
    """Change a template.

    Its draft: what is sent stays as it is until you publish again.
    """
    asked = body.read(TemplateUpdateRequest, MOST_TEMPLATE_OCTETS)
    given = asked.model_fields_set
    with _told(asked.alias), mailroom().database.begin_at_once() as connection:
        found = template.find_to_change(connection)
        letter = _checked(_changed(letter_of(found.letter), asked))
        stored.change(
            connection,
            found,
            name=asked.name if "name" in given else found.name,
            alias=asked.alias if "alias" in given else found.alias,
            letter=letter.as_json(),
        )
    return _answer(found.uid)


@operation("DELETE", "/templates/{id}", scope=api_keys.SEND, gives=answers.RemovedTemplateAnswer)
def delete_template(template: ReachedTemplate) -> Response:
    """Delete a template.

    With all its versions. What was sent with it stays as it was sent.
    """
    with mailroom().database.begin_at_once() as connection:
        found = template.find_to_change(connection)
        stored.remove(connection, found.id)
    return answer({"object": "template", "id": found.uid, "deleted": True})


@operation("POST", "/templates/{id}/publish", scope=api_keys.SEND, gives=answers.ChangedTemplateAnswer)
def publish_template(template: ReachedTemplate) -> Response:
    """Publish a template.

    Its draft becomes what is sent, and is kept as a version.
    """
    with mailroom().database.begin_at_once() as connection:
        found = template.find_to_change(connection)
        letter = letter_of(found.letter)
        if not letter.html.strip() and not letter.text.strip():
            raise Unprocessable("`html`: Write a text, or an HTML body, or both, before you publish it.")
        versions.publish(connection, found)
    return _answer(found.uid)


@operation(
    "POST",
    "/templates/{id}/duplicate",
    scope=api_keys.SEND,
    gives=answers.ChangedTemplateAnswer,
    errors=(409,),
)
def duplicate_template(template: ReachedTemplate) -> Response:
    """Copy a template.

    The copy is a draft of your program's own, without an alias.
    """
    key = api_key()
    with mailroom().database.begin_at_once() as connection:
        found = template.find(connection)
        uid = stored.add(
            connection,
            name_of_copy(found.name),
            found.letter,
            program_id=key.program,
            user_id=key.user_id,
        )
    return _answer(uid)


@operation(
    "POST",
    "/templates/{id}/render",
    scope=api_keys.READ,
    takes=RenderRequest,
    gives=answers.RenderedTemplateAnswer,
    errors=(409, 413),
)
def render_template(template: ReachedTemplate) -> Response:
    """Fill a template.

    What a mail with these variables would say. Nothing is sent. 422 names a variable that is missing.
    """
    asked = body.read(RenderRequest, MOST_TEMPLATE_OCTETS)
    with mailroom().database.read() as connection:
        found = template.find(connection)
        published = None if asked.version == "draft" else versions.in_use(connection, found)
    if asked.version == "published" and published is None:
        raise ApiError(409, "validation_error", "`version`: Nothing of this template is published yet.")
    try:
        letter = letter_of(published.letter if published else found.letter)
        said = filled_with(letter, OwnTexts(), asked.variables)
    except MergeError as trouble:
        raise Unprocessable(f"`variables`: {trouble}") from None
    return answer(
        {"object": "rendered_template", **{name: text or None for name, text in said._asdict().items()}}
    )


def _changed(letter: TemplateLetter, asked: TemplateRequest | TemplateUpdateRequest) -> TemplateLetter:
    """The letter with what the request says of it."""
    given = asked.model_fields_set
    values: dict[str, Any] = {name: getattr(asked, name) or "" for name in FIELDS_OF_LETTER if name in given}
    if "from_" in given:
        values["sender"] = "" if asked.from_ is None else format_address(asked.from_)
    if "reply_to" in given:
        values["reply_to"] = tuple(map(format_address, asked.reply_to))
    if "variables" in given:
        values["variables"] = tuple(map(_variable, asked.variables))
    return _written(replace(letter, **values), asked)


def _written(letter: TemplateLetter, asked: TemplateRequest | TemplateUpdateRequest) -> TemplateLetter:
    """The letter with HTML and text made of what was written, if anything of that is asked for."""
    given, before = asked.model_fields_set, source_of(letter)
    format = format_of(asked)
    if format is not None:
        sender = parse_address(letter.sender) if letter.sender else None
        source = letter_of_request(asked, format, name=(sender.name or sender.address) if sender else "")
    elif before is None or "html" in given:
        text = before.text if before and "text" not in given else letter.text
        return replace(letter, text=text, written=None)
    elif "text" in given:
        source = replace(before, text=asked.text or "")
    else:
        return letter
    try:
        return written_as(letter, source)
    except ConverterBusy:
        raise
    except (NotConverted, MergeError) as trouble:
        raise Unprocessable(f"`{source.format}`: {trouble}") from None


def _variable(asked: TemplateVariableRequest) -> TemplateVariable:
    return TemplateVariable(asked.key, asked.type or kind_of(asked.fallback_value), asked.fallback_value)


def _checked(letter: TemplateLetter) -> TemplateLetter:
    """Raises ApiError with what is wrong with it."""
    if problems := problems_of(letter):
        raise Unprocessable(body.together([f"`{field}`: {sentence}" for field, sentence in problems]))
    return letter


@contextmanager
def _told(alias: str | None) -> Iterator[None]:
    """Raises ApiError where the alias is another template's."""
    try:
        yield
    except AliasTaken:
        message = f"`alias`: another template of your program is called {alias}."
        raise ApiError(409, "validation_error", message) from None


def _place(connection: Connection, uid: UUID | None) -> int | None:
    """Where an id of the query stands in the list."""
    return None if uid is None else ReachedTemplate(str(uid), api_key()).find(connection).id


def _answer(uid: str) -> Response:
    return answer({"object": "template", "id": uid})
