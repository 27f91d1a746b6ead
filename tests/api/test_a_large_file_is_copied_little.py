"""A file of 25 MB comes as 33 MB of JSON: each copy of it is a third of a small machine's web process."""

from __future__ import annotations

import json
import os
import tracemalloc
from base64 import b64encode, encodebytes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, select

from mailroom.ledger.schema import attachments, draft_blobs, originals
from mailroom.web.api.requests import given_files
from tests.api.conftest import EMAIL, Client

FILE = os.urandom(6_000_000)


IN_BASE64 = b64encode(FILE).decode()
IN_LINES = encodebytes(FILE).decode().replace("\n", "\r\n")
PARTS = (
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{words}\n",
    "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + encodebytes(FILE).decode(),
)
MESSAGE = (
    "From: hello@acme.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    + "".join(f"--b\n{part}" for part in PARTS)
    + "--b--\n"
)

ATTACHED = {**EMAIL, "attachments": [{"filename": "a.bin", "content": IN_BASE64}]}
MAILING = {name: value for name, value in ATTACHED.items() if name != "to"} | {
    "recipients": [{"address": "ann@mail.example"}]
}


def raw(words: str, line_end: str = "\n") -> dict[str, Any]:
    given = b64encode(MESSAGE.replace("{words}", words).replace("\n", line_end).encode()).decode()
    return {"from": "hello@acme.example", "recipients": ["ann@mail.example"], "message": given}


@contextmanager
def copies_at_most(number: float) -> Iterator[None]:
    """Of the file, in Python's memory, at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < number * len(FILE)


@pytest.mark.parametrize(
    ("path", "body", "copies", "column"),
    [
        ("/emails", ATTACHED, 0.6, attachments.c.data),
        (
            "/emails",
            ATTACHED | {"attachments": [{"filename": "a.bin", "content": IN_LINES}]},
            0.6,
            attachments.c.data,
        ),
        ("/emails/batch", [ATTACHED], 0.6, attachments.c.data),
        ("/mailings", MAILING, 0.6, attachments.c.data),
        ("/drafts", {"attachments": ATTACHED["attachments"]}, 0.6, draft_blobs.c.data),
        ("/emails/raw", raw("Hello", "\r\n"), 2.0, originals.c.data),  # it is there once, in Base64: 1.37
        ("/emails/raw", raw("Hello"), 2.0, originals.c.data),
        ("/emails/raw", raw("Grüße"), 2.0, originals.c.data),
    ],
    ids=["email", "in lines", "batch", "mailing", "draft", "message", "in bare lines", "in 8 bits"],
)
def test_a_program_s_file_is_hardly_in_memory(
    client: Client, tmp_path: Path, path: str, body: Any, copies: float, column: Column[bytes]
) -> None:
    (tmp_path / "body").write_bytes(json.dumps(body).encode())
    assert client.post("/emails", json=EMAIL).status_code == 200, "what is made once is there"
    given = {"content_type": "application/json", "content_length": str((tmp_path / "body").stat().st_size)}
    for headers in ({}, {"Idempotency-Key": "once"}):
        with (tmp_path / "body").open("rb") as sent, copies_at_most(copies):
            answer = client.post(path, input_stream=sent, headers=headers, **given)
        assert answer.status_code == 200, answer.get_json()
    with client.database.read() as connection:
        kept = connection.execute(select(column)).scalars().all()
    whole = IN_LINES.encode() + b"--b--\r\n" if column is originals.c.data else FILE
    assert len(kept) == 2 and all(one.endswith(whole) for one in kept)


@pytest.mark.parametrize(
    ("text", "file"),
    [("QUJDREVG", b"ABCDEF"), ("QUJD\nREU=", b"ABCDE"), ("QUJDRA==", b"ABCD"), ("", b"")]
    + [(text, None) for text in ("QUI=QUI=", "QQ==QUJD", "QUJDR", "QUJ!", "====", "QUJD=")],
)
def test_slices_make_what_the_whole_does(
    text: str, file: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given_files, "BASE64_AT_ONCE", 4)
    if file is not None:
        assert given_files._file(text) == file
        return
    with pytest.raises(ValueError, match="not Base64"):
        given_files._file(text)
