"""The compose form's template: which one is chosen, and what the mailing says with it."""

from __future__ import annotations

from mailroom.content.content import Content
from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.templates import for_many
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.templates import NotUsable, letter_in_use
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import ComposeForm


def chosen_template(form: ComposeForm) -> TemplateLetter | None:
    """None: none is chosen, or what was cannot be used, which is a problem of the form then."""
    named = form.value("template").strip()
    if not named or form.is_template_read:
        return form.template
    form.is_template_read = True
    try:
        with mailroom().database.read() as connection:
            form.template = letter_in_use(connection, named)
    except NotUsable as reason:
        form.refuse("template", str(reason))
    except LEDGER_AWAY:
        form.refuse("template", "The ledger cannot be read just now, so nothing was sent. Try again soon.")
    return form.template


def saying(form: ComposeForm, content: Content) -> Content:
    """The content as it is with the template. What does not fit is a problem of the form."""
    if (template := chosen_template(form)) is None:
        return content
    try:
        return for_many.saying(template, content)
    except MergeError as trouble:
        form.refuse("template", str(trouble))
        return content


def with_values(form: ComposeForm, content: Content, parsed: Parsed, *, may_lack: bool) -> Parsed:
    """The recipients with the template's fallbacks. Whoever lacks a value then is a problem of the form,
    unless others look for that.
    """
    if (template := chosen_template(form)) is None:
        return parsed
    try:
        parsed = for_many.with_values(template, parsed)
        if not may_lack:
            for_many.refuse_lacking(content, parsed)
    except MergeError as trouble:
        form.refuse("template", str(trouble))
    return parsed
