"""The compose form says what kind of mail it is, and asks once for a link that bulk mail lacks."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from mailroom.ledger.schema import mailings
from tests.web.watching import ledger, post

LINKED = "News.\n\n{{ unsubscribe_url }}"


def letter(people: int = 1, **changed: str) -> dict[str, str]:
    recipients = "\n".join(f"p{number}@mail.example" for number in range(people))
    return {
        "sender": "news@acme.example",
        "subject": "News",
        "text": "News.",
        "recipients": recipients,
        **changed,
    }


def purposes(app: Flask) -> list[tuple[str, str]]:
    with ledger(app).read() as connection:
        chosen = select(mailings.c.purpose, mailings.c.list_name).order_by(mailings.c.id)
        return [tuple(row) for row in connection.execute(chosen)]


@pytest.mark.parametrize(
    ("given", "purpose"),
    [
        (letter(), ("transactional", "")),
        (letter(100), ("bulk", "")),
        (letter(100, purpose="transactional"), ("transactional", "")),
        (letter(purpose="bulk", list=" Weekly  Digest "), ("bulk", "weekly digest")),
        (letter(text=LINKED), ("bulk", "")),
    ],
)
def test_its_purpose_is_what_is_chosen_or_what_its_size_says(
    app: Flask, client: FlaskClient, given: dict[str, str], purpose: tuple[str, str]
) -> None:
    """A program posts no more than it has to, and is asked nothing."""
    assert post(client, "/mailings", "/", **given).status_code == 303
    assert purposes(app) == [purpose]


def test_our_own_page_asks_once(app: Flask, client: FlaskClient) -> None:
    given: dict[str, Any] = letter(purpose="bulk", ask_for_link="1")
    asked = post(client, "/mailings", "/", **given)
    assert asked.status_code == 422
    assert "nobody sees in it how to unsubscribe" in asked.text and "{{ unsubscribe_url }}" in asked.text
    assert 'name="without_link"' in asked.text and 'value="bulk" checked' in asked.text.replace("\n", "")
    assert post(client, "/mailings", "/", **given, without_link="on").status_code == 303
    assert "only its header has one" in client.get("/mailings/1").text
    assert post(client, "/mailings", "/", **{**given, "text": LINKED}).status_code == 303
    assert purposes(app) == [("bulk", "")] * 2


def test_what_cannot_be_is_told_at_its_field(app: Flask, client: FlaskClient) -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"purpose": "transactional", "list": "digest"}, "Only bulk mail has a list"),
        ({"purpose": "transactional", "text": LINKED}, "Only bulk mail has {{ unsubscribe_url }}"),
        ({"purpose": "newsletter"}, "Choose bulk or transactional"),
        ({"list": "x" * 61}, "at most 60 characters"),
    )
    for changed, words in cases:
        answer = post(client, "/mailings", "/", **letter(**changed))
        assert answer.status_code == 422 and words in answer.text, changed
    assert purposes(app) == []


def test_a_copy_has_the_same_purpose_and_list(client: FlaskClient) -> None:
    post(client, "/mailings", "/", **letter(purpose="bulk", list="digest", text=LINKED))
    page = " ".join(client.get("/?copy=1").text.split())
    assert 'value="bulk" checked' in page and 'value="digest"' in page
    assert "list <bdi>digest</bdi>" in client.get("/mailings/1").text
