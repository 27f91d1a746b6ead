"""Contents of drafts: their files and long texts, each once, and gone when no version has it any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from sqlalchemy import Connection, delete, select

from mailroom.database import blobs
from mailroom.ledger.drafts.kept_fields import Blob, KeptFields, LongText, of_json
from mailroom.ledger.schema import draft_blobs, draft_versions


class Missing(LookupError):
    """A form names what was not handed in with it, and is not kept of its draft."""


def put(
    connection: Connection,
    draft_id: int,
    wanted: Iterable[str],
    given: Mapping[str, Blob],
    *,
    is_new: bool = False,
) -> None:
    """Keeps those of these digests that are not kept yet; of a new draft none is. Raises Missing."""
    lacking = set(wanted)
    if lacking and not is_new:
        lacking -= kept_of(connection, draft_id)
    for digest in sorted(lacking):
        if digest not in given:
            raise Missing(digest)
        row = {"draft_id": draft_id, "digest": digest, "size": given[digest].size}
        pieces = given[digest].slices(blobs.WRITTEN_AT_ONCE)
        blobs.insert_row(connection, draft_blobs.c.data, row, given[digest].size, pieces)


def kept_of(connection: Connection, draft_id: int) -> set[str]:
    """The digests of what is kept of this draft."""
    query = select(draft_blobs.c.digest).where(draft_blobs.c.draft_id == draft_id)
    return set(connection.execute(query).scalars())


def copy_to(connection: Connection, draft_id: int, other_id: int, digests: Collection[str]) -> None:
    """Gives another draft these."""
    which = (draft_blobs.c.draft_id == draft_id) & draft_blobs.c.digest.in_(sorted(digests))
    of = draft_blobs.c
    blobs.insert_copies(connection, of.data, of.size, of.digest, {"draft_id": other_id}, which)


def slices(connection: Connection, draft_id: int, digest: str, size: int) -> Iterator[bytes]:
    """What is kept under this digest, `size` octets at a time; all in one transaction."""
    query = select(draft_blobs.c.id).where(draft_blobs.c.draft_id == draft_id, draft_blobs.c.digest == digest)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise Missing(digest)
    return blobs.slices(connection, draft_blobs.c.data, found, size)


def texts(connection: Connection, draft_id: int, form: KeptFields) -> list[tuple[str, str]]:
    """The form's fields with their long texts."""
    return [(name, _text(connection, draft_id, value)) for name, value in form.fields]


def _text(connection: Connection, draft_id: int, value: str | LongText) -> str:
    if isinstance(value, str):
        return value
    pieces = slices(connection, draft_id, value.digest, blobs.WRITTEN_AT_ONCE)
    return b"".join(pieces).decode("utf-8", "replace")


def drop_unused(connection: Connection, draft_id: int, form: KeptFields) -> None:
    """Deletes what neither the draft, which is this form now, nor a version of it has."""
    versions = select(draft_versions.c.form).where(draft_versions.c.draft_id == draft_id)
    used = form.digests.union(*(of_json(kept).digests for kept in connection.execute(versions).scalars()))
    mine = draft_blobs.c.draft_id == draft_id
    for digest in kept_of(connection, draft_id) - used:
        connection.execute(delete(draft_blobs).where(mine, draft_blobs.c.digest == digest))
