"""What a macro draws is drawn once, and is the same as if it were drawn anew."""

from __future__ import annotations

import pytest
from flask import Flask
from markupsafe import Markup

from mailroom.ledger.states import MailingState, State
from mailroom.web.layout import fragments


def icon(app: Flask) -> str:
    return app.jinja_env.from_string(
        '{% from "components/icon.html" import icon %}{{ icon("<x>") }}'
    ).render()


def test_one_word_of_two_kinds_is_not_taken_for_the_other(app: Flask) -> None:
    both: list[str] = [State.CANCELED, MailingState.CANCELED]
    kept = fragments.once(lambda state: Markup(type(state).__name__))
    with app.test_request_context():
        assert both[0] == both[1] and [kept(state) for state in both] == ["State", "MailingState"]


def test_a_drawing_is_found_wherever_the_application_begins(app: Flask) -> None:
    for root in ("/", "/post/", "/"):
        with app.test_request_context("/", base_url=f"http://localhost{root}"):
            drawn = icon(app)
            assert f'href="{root}static/vendor/lucide/icons.svg?v=' in drawn
            assert "#&lt;x&gt;" in drawn and "<x>" not in drawn


def test_it_is_drawn_once_and_forgotten_when_there_are_many(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fragments, "KEPT_FRAGMENTS", 2)
    drawn: list[str] = []

    def draw(word: str) -> Markup:
        drawn.append(word)
        return Markup(word)

    kept = fragments.once(draw)
    with app.test_request_context():
        assert [kept(word) for word in "aabbcca"] == [*"aabbcca"]
    assert drawn == [*"abca"]
