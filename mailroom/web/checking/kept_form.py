"""A form that is kept: as it was typed, with its files, to be checked, sent, or gone on with."""

from __future__ import annotations

import json
from dataclasses import replace

from mailroom.web.compose.compose_form import ChosenFile, ComposeForm, chosen
from mailroom.web.compose.uploads import Upload, Uploads

FORM_TYPE = "application/x-mailroom-form"
"""Tells a kept form from the files that somebody chose."""

FLAGS = ("leave_out", "asks_for_link", "is_without_link", "undoes_bulk_only")


def keep(form: ComposeForm, kept: Uploads) -> Upload:
    form.keep_files(kept)
    about = {
        "typed": form.typed,
        "idempotency_key": form.idempotency_key,
        **{name: getattr(form, name) for name in FLAGS},
        "list": _token(form.recipients_file),
        "files": [_token(file) for file in form.attachments],
    }
    return kept.keep("form.json", FORM_TYPE, [json.dumps(about).encode()])


def find(token: str, kept: Uploads) -> Upload | None:
    found = kept.find(token)
    return found if found is not None and found.content_type == FORM_TYPE else None


def read(upload: Upload, kept: Uploads) -> ComposeForm:
    """A file of it that is gone is a problem already."""
    about = json.loads(upload.path.read_bytes())
    form = ComposeForm(about["typed"], about["idempotency_key"], **{name: about[name] for name in FLAGS})
    if about["list"]:
        form.recipients_file = _chosen(about["list"], kept)
        if form.recipients_file is None:
            form.refuse("recipients_file", "The file is not here any more: choose it again.")
    files = [_chosen(token, kept) for token in about["files"]]
    form.attachments = [file for file in files if file is not None]
    if None in files:
        form.refuse("attachments", "An attachment is not here any more: choose it again.")
    return form


def as_checked(form: ComposeForm) -> ComposeForm:
    """What a person has been told of and sends all the same: bad entries are left out, a link may lack."""
    return replace(form, leave_out=True, is_without_link=True)


def _token(file: ChosenFile | None) -> str | None:
    return file.kept.token if file is not None and file.kept is not None else None


def _chosen(token: str, kept: Uploads) -> ChosenFile | None:
    found = kept.find(token)
    return chosen(found) if found else None
