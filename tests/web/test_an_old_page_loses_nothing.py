"""A form of a page that is too old, or from before somebody signed in anew, is given back as it was sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.people import sign_ins, users
from mailroom.ledger.templates import stored
from mailroom.ledger.webhooks import webhook_endpoints
from tests.web.conftest import OWNER
from tests.web.watching import ledger

Csrf = Callable[..., str]
OURS = {"Sec-Fetch-Site": "same-origin"}
LETTER = {"name": "Order", "subject": "Order <b>", "text": '\r\n"Dear"\r\n\r\n{{ name }}', "publish": "1"}


class HiddenFields(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.feed(page.partition("<main")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given["type"] == "hidden":
            self.fields.setdefault(str(given["name"]), []).append(given["value"] or "")


def test_after_signing_in_anew(app: Flask, client: FlaskClient, link: str, csrf: Csrf) -> None:
    form = {**LETTER, "csrf_token": csrf(client, "/templates/new")}
    with ledger(app).begin() as connection:
        owner = users.by_email(connection, OWNER)
        assert owner is not None
        sign_ins.end_all(connection, owner.id)
    turned_away = client.post("/templates", data=form, headers=OURS)
    assert turned_away.status_code == 401 and "what you typed is still there" in turned_away.text
    assert client.get(link).status_code == 303

    given_back = client.post("/templates", data=form, headers=OURS)
    assert given_back.status_code == 400 and "Nothing is lost" in given_back.text
    fields = HiddenFields(given_back.text).fields
    assert {name: values for name, values in fields.items() if name != "csrf_token"} == {
        name: [value] for name, value in LETTER.items()
    }
    assert client.post("/templates", data=fields, headers=OURS).status_code == 303
    with ledger(app).read() as connection:
        (template,) = stored.page(connection, limit=9)
    assert (template.name, template.published) == ("Order", 1)


def test_fields_that_occur_several_times_stay_several(app: Flask, client: FlaskClient) -> None:
    form = {"url": "https://example.org/hooks", "events": ["email.sent", "email.failed"], "csrf_token": "old"}
    fields = HiddenFields(client.post("/webhooks", data=form, headers=OURS).text).fields
    assert client.post("/webhooks", data=fields, headers=OURS).status_code == 303
    with ledger(app).read() as connection:
        assert webhook_endpoints.everyone(connection)[0].events == ("email.sent", "email.failed")


@pytest.mark.parametrize(
    ("path", "more", "headers"),
    [
        ("/suppressions/import", {"file": (io.BytesIO(b"address\n"), "a.csv")}, OURS),
        ("/settings/password", {"password": "what nobody else should read"}, OURS),
        ("/templates", {"text": "x" * 4_000_001}, OURS),
        ("/templates", {}, {}),
        ("/templates", {}, {"Origin": "https://evil.example"}),
        ("/templates", {}, {"Sec-Fetch-Site": "cross-site"}),
    ],
    ids=[
        "a file",
        "a password",
        "very long",
        "from who knows where",
        "another site",
        "another site, today's",
    ],
)
def test_what_does_not_go_into_a_page_is_not_given_back(
    client: FlaskClient, path: str, more: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = client.post(path, data={"typed": "in vain", "csrf_token": "old", **more}, headers=headers)
    assert answer.status_code in (400, 404)
    assert "in vain" not in answer.text and "Nothing is lost" not in answer.text


def test_a_stranger_is_given_nothing_back(stranger: FlaskClient) -> None:
    form = {"email": "ann@example.org", "csrf_token": "old"}
    stranger.get("/sign-in")
    assert "ann@example.org" not in stranger.post("/sign-in", data=form, headers=OURS).text
