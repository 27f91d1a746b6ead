"""Kept fields: a form as its page sent it, by the names of its fields, whatever these are.

So a field that the form gets some day is kept without a change here. Long texts stand beside it, by digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from mailroom.database import blobs

LONG = 1_000
"""Characters of a value from which on it stands beside the form: versions that share it keep it once."""


class LongText(NamedTuple):
    """Stands for a value. `size`: octets."""

    digest: str
    size: int


class DraftFile(NamedTuple):
    """A file of the form. `token`: what the form calls it; `size`: octets."""

    field: str
    token: str
    filename: str
    content_type: str
    size: int
    digest: str


class Blob(NamedTuple):
    """What is kept once, by its digest (sha-256, hex); read by `slices(size)`."""

    digest: str
    size: int
    slices: Callable[[int], Iterable[blobs.Octets]]


class KeptFields(NamedTuple):
    """Names and values in their order, and files."""

    fields: tuple[tuple[str, str | LongText], ...] = ()
    files: tuple[DraftFile, ...] = ()

    @property
    def digests(self) -> set[str]:
        """Of all that stands beside it."""
        long = {value.digest for _, value in self.fields if isinstance(value, LongText)}
        return long | {file.digest for file in self.files}

    def as_json(self) -> dict[str, Any]:
        fields = [
            [name, list(value) if isinstance(value, LongText) else value] for name, value in self.fields
        ]
        return {"fields": fields, "files": [list(file) for file in self.files]}


def of_json(kept: Mapping[str, Any]) -> KeptFields:
    """What `as_json` gave."""
    fields = tuple(
        (name, value if isinstance(value, str) else LongText(*value)) for name, value in kept["fields"]
    )
    return KeptFields(fields, tuple(DraftFile(*file) for file in kept["files"]))


def shortened(fields: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str | LongText]], dict[str, Blob]]:
    """The same with its long texts taken out, and these."""
    kept: list[tuple[str, str | LongText]] = []
    beside: dict[str, Blob] = {}
    for name, value in fields:
        if len(value) < LONG:
            kept.append((name, value))
            continue
        blob = _blob(value.encode("utf-8", "replace"))
        beside[blob.digest] = blob
        kept.append((name, LongText(blob.digest, blob.size)))
    return kept, beside


def _blob(data: bytes) -> Blob:
    def slices(size: int) -> Iterator[bytes]:
        return (data[at : at + size] for at in range(0, len(data), size))

    return Blob(sha256(data).hexdigest(), len(data), slices)
