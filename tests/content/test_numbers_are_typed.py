from __future__ import annotations

import pytest

from mailroom.content.text.typed_numbers import typed_number


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("10000", 10_000), ("007", 7), ("0" * 5_000 + "42", 42), ("\u0663", 3)]
)
def test_a_number_is_read(text: str, number: int) -> None:
    assert typed_number(text, 10_000) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0" * 5_000,
        "10001",
        "00000110000",
        "9" * 5_000,
        "000001" + "9" * 5_000,
        "\u0660" * 5_000 + "1",
        *("-1", "+1", "1.0", "1e3", "1_000", " 1", "\u00b2", "NaN", "\0"),
    ],
)
def test_what_is_none_is_not(text: str) -> None:
    assert typed_number(text, 10_000) is None
