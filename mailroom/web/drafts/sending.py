"""Sending a draft without its page, as a program or a command does."""

from __future__ import annotations

from dataclasses import replace

from werkzeug.datastructures import MultiDict

from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.drafts.stored import StoredDraft
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.submission import submission_of
from mailroom.web.drafts.kept_form_files import DraftUploads
from mailroom.web.drafts.opened import opened

NOBODYS = 0
"""Instead of a person's number: who sends is said by whoever calls this."""


def form_to_send(draft: StoredDraft, fields: MultiDict[str, str], owner: str) -> ComposeForm:
    """`owner`: whose files it reads, as a folder's name."""
    kept = DraftUploads(mailroom().settings.home, owner, mailroom().database, draft.uid)
    return opened(draft, fields, kept)


def submission_of_draft(
    form: ComposeForm, started: float, template: TemplateLetter | None = None
) -> Submission:
    """What is to be accepted. What is wrong goes into `form.problems`: look there first. `template`: that it
    names, where whoever sends may not use every one.
    """
    if template is not None:
        form.template, form.is_template_read = template, True
    built, _ = submission_of(form, NOBODYS, started)
    if form.value("repeat").strip():
        form.refuse("repeat", "This draft is to be sent again and again: keep it as a repeat on its page.")
    return replace(built, user_id=None, idempotency=None)
