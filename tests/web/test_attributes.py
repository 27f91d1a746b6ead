"""A boolean attribute is written as HTML knows it: there, or not."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient

from mailroom.web.layout.filters import attributes


def test_true_is_a_name_and_false_is_nothing() -> None:
    written = attributes({"required": True, "autofocus": False, "pattern": None, "title": '"<&', "rows": 0})
    assert written == 'required title="&#34;&lt;&amp;" rows="0"'


def test_the_focus_is_where_typing_begins(stranger: FlaskClient) -> None:
    def focused(page: str) -> list[str]:
        return re.findall(r'<input id="(\w+)"[^>]* autofocus', page)

    assert focused(stranger.get("/sign-in").text) == ["email"]


def test_no_page_has_a_boolean_in_words(client: FlaskClient, app: Flask) -> None:
    for path in ("/", "/keys", "/suppressions", "/settings", "/templates/new", "/webhooks"):
        assert not re.search(r'="(True|False|None)"', client.get(path).text), path
