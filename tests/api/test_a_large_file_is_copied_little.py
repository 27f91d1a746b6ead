"""A file of 25 MB comes as 33 MB of JSON: each copy of it is a third of a small machine's web process."""

from __future__ import annotations

import json
import os
import tracemalloc
from base64 import b64encode

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import attachments
from mailroom.web.api import fields
from tests.api.conftest import EMAIL, Client

FILE = os.urandom(6_000_000)


def test_while_it_is_read_there_are_two_of_it_at_the_most(client: Client) -> None:
    file = {"filename": "a.bin", "content": b64encode(FILE).decode()}
    body = json.dumps({**EMAIL, "attachments": [file]}).encode()
    assert client.post("/emails", json=EMAIL).status_code == 200, "what is made once is there"
    tracemalloc.start()
    try:
        answer = client.post("/emails", data=body, content_type="application/json")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 200, answer.get_json()
    assert peak < 2.4 * len(body)
    with client.database.read() as connection:
        assert connection.execute(select(attachments.c.data)).scalar_one() == FILE


@pytest.mark.parametrize(
    ("text", "file"),
    [("QUJDREVG", b"ABCDEF"), ("QUJD\nREU=", b"ABCDE"), ("QUJDRA==", b"ABCD"), ("", b"")]
    + [(text, None) for text in ("QUI=QUI=", "QQ==QUJD", "QUJDR", "QUJ!", "====", "QUJD=")],
)
def test_slices_make_what_the_whole_does(
    text: str, file: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "BASE64_AT_ONCE", 4)
    if file is not None:
        assert fields._file(text) == file
        return
    with pytest.raises(ValueError, match="not Base64"):
        fields._file(text)
