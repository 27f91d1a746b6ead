"""Character references are read as html.unescape reads them, and where it fails, too."""

from __future__ import annotations

from html import unescape

import pytest

from mailroom.content.text.references import unescaped


@pytest.mark.parametrize(
    "text",
    [
        "&amp;&lt;&nbsp;&notit;&#65;&#x41;&#0065;&#0000000000000065;&#0;&#00;&#128;&#1114112;&#12345678;",
        "&#",
        "&#;",
        "&#0",
        "&#65 &#065x &#x000000041;",
        "&&#65;&#&#66;",
    ],
)
def test_as_the_library_does(text: str) -> None:
    assert unescaped(text) == unescape(text)


@pytest.mark.parametrize("figures", ["9" * 5_000, "0" * 5_000 + "9" * 5_000])
def test_a_number_that_python_does_not_read_is_no_character(figures: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        unescape(f"&#{figures};")
    assert unescaped(f"a&#{figures};b") == "a\ufffdb"
    assert unescaped("&#" + "0" * 5_000 + "65;") == "A"
