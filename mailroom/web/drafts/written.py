"""Written: what the browser sent of a compose form, as it is kept: every field by its name."""

from __future__ import annotations

from hashlib import sha256

from werkzeug.datastructures import FileStorage, MultiDict

from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.ledger.drafts.kept_fields import Blob, DraftFile, KeptFields, shortened
from mailroom.ledger.drafts.stored import Writing
from mailroom.web.compose.compose_form import OF_ITS_DRAFT, chosen, kept_file, uploaded_file
from mailroom.web.compose.uploads import Upload, Uploads

OF_ITS_PAGE = {
    "csrf_token",
    "idempotency_key",
    *OF_ITS_DRAFT,
    *("draft_writer", "draft_writes", "draft_recipients"),
}
"""Fields that are no part of what somebody wrote."""

KEPT = "kept_"
"""Begins the name of a field whose values are tokens of files."""

LIST = "recipients_file"
OF_ITS_LIST = {
    *(f"{KEPT}{LIST}", "chosen_for_kept", "shown_sheet", "mended"),
    *("recipients_encoding", "recipients_sheet", "recipients_column"),
}
"""A file of recipients, and what was chosen for it, and not for another that takes its place."""

MOST_RECIPIENTS_TOLD = 100_000_000


def written(
    fields: MultiDict[str, str],
    files: MultiDict[str, FileStorage],
    kept: Uploads,
    known: KeptFields,
    user_id: int,
) -> Writing:
    """`known`: what is kept of it already. Its files are not read again."""
    form, blobs = _kept(fields, files, kept, known)
    return Writing(
        form,
        blobs,
        subject=_plain(fields.get("subject", ""))[:1_000],
        recipients=_number(fields.get("draft_recipients", "")),
        user_id=user_id,
        writer=_plain(fields.get("draft_writer", ""))[:64],
        writes=_number(fields.get("draft_writes", "")) or 0,
    )


def _kept(
    fields: MultiDict[str, str], files: MultiDict[str, FileStorage], kept: Uploads, known: KeptFields
) -> tuple[KeptFields, dict[str, Blob]]:
    new = [(f"{KEPT}{name}", file) for name, file in files.items(multi=True) if file.filename]
    has_new_list = any(field == f"{KEPT}{LIST}" for field, _ in new)
    left_out = OF_ITS_PAGE | (OF_ITS_LIST if has_new_list else set())
    given = [(name, _plain(value)) for name, value in fields.items(multi=True) if name not in left_out]
    texts, blobs = shortened(one for one in given if not one[0].startswith(KEPT))
    by_token = {file.token: file for file in known.files}
    its: list[DraftFile] = []

    def add(field: str, upload: Upload) -> None:
        blob = _blob(upload)
        blobs[blob.digest] = blob
        of_file = (upload.token, upload.filename, upload.content_type, blob.size, blob.digest)
        its.append(DraftFile(field, *of_file))

    for field, token in given:
        if field.startswith(KEPT) and token in by_token:
            its.append(by_token[token]._replace(field=field))
        elif field.startswith(KEPT) and (found := kept.find(token)):
            add(field, found)
    for field, file in new:
        stored = kept_file(uploaded_file(file), kept).kept
        assert stored is not None
        add(field, stored)
    return KeptFields(tuple(texts), tuple(its)), blobs


def _blob(upload: Upload) -> Blob:
    file, digest = chosen(upload), sha256()
    for piece in file.slices(WRITTEN_AT_ONCE):
        digest.update(piece)
    return Blob(digest.hexdigest(), file.size, file.slices)


def _plain(value: str) -> str:
    """Without what PostgreSQL's text cannot hold, and with the line ends that everybody has."""
    return value.replace("\x00", "").replace("\r\n", "\n")


def _number(typed: str) -> int | None:
    is_one = typed.isascii() and typed.isdecimal() and len(typed) < 10
    return min(int(typed), MOST_RECIPIENTS_TOLD) if is_one else None
