"""Long texts of a JSON body wait in a file, and nobody sees it, whether it is read or refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailroom.content.text import json_text, spooled_texts
from mailroom.content.text.spooled_texts import SpooledText, SpooledTexts

LONG = "A" * 40
PIECES = [
    *(
        '{"attachments":[{"content":"',
        '"}]}',
        '{"message":"',
        '"}',
        '{"variables":{"content":"',
        '"content" : "',
    ),
    *(
        '{"a:"',
        '{"a:":[',
        '"a:",',
        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,",
        '"',
        "\\",
        '\\"',
        '\\\\"',
        ":",
        ",",
        "[",
        "]",
        "{",
        "}",
        "\n",
        " " * 40,
        ': "',
        '":"',
        "1",
    ),
    *(
        "1," * 20,
        LONG,
        "QUJD" * 12 + "==",
        "a" * 30 + "\\n" * 12,
        "\\u002b" * 9,
        "\\u00e9" * 9,
        "é" * 30,
        "\\ud800",
        "\udcff",
    ),
]


def shown(value: Any) -> Any:
    """With texts in place of those that wait."""
    return json.loads(json.dumps(value, default=str))


def said(read: Any) -> Any:
    try:
        return shown(read())
    except json_text.NotJson as refusal:
        return str(refusal)


BODIES = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(text=BODIES, long_from=st.integers(8, 24), piece=st.integers(7, 20))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_body_is_the_same_with_and_without(
    text: str, long_from: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_texts, "LONG_FROM", long_from)
    monkeypatch.setattr(spooled_texts, "TEXT_PIECE", piece)
    body = text.encode("utf-8", "surrogateescape")
    texts = SpooledTexts()
    kept = texts.taken_from(io.BytesIO(body))
    assert said(lambda: json_text.read(kept, spooled_texts=texts)) == said(lambda: json_text.read(body))
    texts.close()


def test_a_name_that_ends_in_a_colon_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled_texts, "LONG_FROM", 16)
    body = {"a:": [0] * 40, "b": "c:", "d": ["e:", *[1] * 40, "f"], "message": LONG, "g\\": ":", "h": LONG}
    texts = SpooledTexts()
    kept = texts.taken_from(io.BytesIO(json.dumps(body).encode()))
    assert len(texts.found) == 2 and shown(json_text.read(kept, spooled_texts=texts)) == body
    texts.close()


def test_only_what_may_be_a_file_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled_texts, "LONG_FROM", 16)
    body = {
        "attachments": [{"content": LONG, "filename": LONG}],
        "message": LONG,
        "content": LONG,
        "tags": [LONG],
    }
    texts = SpooledTexts()
    kept = texts.taken_from(io.BytesIO(json.dumps(body, indent=1).encode()))
    assert LONG.encode() in kept, "in a list"
    read = json_text.read(kept, spooled_texts=texts)
    assert isinstance(read["message"], SpooledText) and isinstance(
        read["attachments"][0]["content"], SpooledText
    )
    assert shown(read) == body and read["content"] == read["attachments"][0]["filename"] == LONG
    texts.close()
