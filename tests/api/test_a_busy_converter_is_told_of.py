"""While other letters are converted nothing is wrong with this one: 503 and when to try again, everywhere.
Nor is a letter mailed otherwise than it is on a quiet day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from mailroom.content.content import Content
from mailroom.content.writing import converter
from mailroom.content.writing.converter import CONVERTER_BUSY
from mailroom.ledger.schema import mailings
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.submission import content_of
from mailroom.web.pages import check
from tests.api.conftest import Client
from tests.web import watching

STYLED = "<style>p { color: red }</style><p>Hi</p>"
SENDER, RECIPIENTS = "a@acme.example", [{"address": "ann@example.org"}]
TYPED = {"sender": SENDER, "subject": "S", "recipients": "ann@example.org"}
WRITTEN: list[dict[str, str]] = [{"markdown": "*Hi*"}, {"mjml": "<mjml><mj-body></mj-body></mjml>"}]


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody else's letter is being converted, and takes long."""
    monkeypatch.setattr(converter, "WAIT_FOR_CONVERTER_SECONDS", 0.01)
    with converter._ours._turn:
        yield


def told_to_wait(answer: TestResponse) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "60"
    assert CONVERTER_BUSY in answer.text


def number_of_mailings(client: Client) -> int:
    with client.database.read() as connection:
        return connection.execute(select(func.count()).select_from(mailings)).scalar_one()


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("written", WRITTEN)
def test_a_program_gets_503(light_client: Client, written: dict[str, str]) -> None:
    about: dict[str, Any] = {"from": SENDER, "subject": "S", **written}
    told_to_wait(light_client.post("/emails", json={**about, "to": ["ann@example.org"]}))
    told_to_wait(light_client.post("/mailings", json={**about, "recipients": RECIPIENTS}))
    told_to_wait(light_client.post("/mailings/preflight", json={**about, "recipients": RECIPIENTS}))
    told_to_wait(light_client.post("/templates", json={**about, "name": "N"}))
    assert number_of_mailings(light_client) == 0


@pytest.mark.parametrize("written", WRITTEN)
def test_what_was_accepted_before_is_answered_again(
    light_client: Client, monkeypatch: pytest.MonkeyPatch, written: dict[str, str]
) -> None:
    about: dict[str, Any] = {"from": SENDER, "subject": "S", **written}
    email, mailing = {**about, "to": ["ann@example.org"]}, {**about, "recipients": RECIPIENTS}
    repeat = {**mailing, "rule": "daily 9:00", "zone": "Europe/Berlin"}
    requests: list[tuple[str, Any]] = [
        ("/emails", email),
        ("/emails/batch", [email]),
        ("/mailings", mailing),
        ("/repeats", repeat),
    ]

    def answers(key: str) -> list[TestResponse]:
        return [
            light_client.post(path, json=asked, headers={"Idempotency-Key": key + path})
            for path, asked in requests
        ]

    first = answers("1")
    assert {one.status_code for one in first} == {200}
    made = number_of_mailings(light_client)
    monkeypatch.setattr(converter, "WAIT_FOR_CONVERTER_SECONDS", 0.01)
    with converter._ours._turn:
        again = answers("1")
        assert [one.get_json() for one in again] == [one.get_json() for one in first]
        for one in answers("2"):
            told_to_wait(one)
        other = {**repeat, "rule": "daily 10:00"}
        reused = light_client.post("/repeats", json=other, headers={"Idempotency-Key": "1/repeats"})
        assert reused.get_json()["name"] == "invalid_idempotent_request"
    assert number_of_mailings(light_client) == made
    assert len(light_client.get("/repeats").get_json()["data"]) == 1


@pytest.mark.parametrize("fields", [*({"format": next(iter(one)), **one} for one in WRITTEN)])
def test_a_person_gets_the_form_as_typed(light_client: Client, busy: None, fields: dict[str, str]) -> None:
    person = watching.signed_in(light_client.app)
    source = fields[fields["format"]].replace("<", "&lt;").replace(">", "&gt;")
    letter = {**TYPED, **fields}
    for path in ("/mailings", "/check"):
        answer = watching.post(person, path, "/", **letter)
        told_to_wait(answer)
        assert source in answer.text
    template = {**fields, "name": "N", "subject": "S"}
    answer = watching.post(person, "/templates", "/templates/new", **template)
    told_to_wait(answer)
    assert source in answer.text and number_of_mailings(light_client) == 0


def test_html_is_not_mailed_without_its_styles_inlined(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = watching.signed_in(light_client.app)
    letter = {**TYPED, "format": "html", "html": STYLED}
    checked = watching.post(person, "/check", "/", **letter)
    draft = light_client.post("/drafts", json={"from": SENDER, "subject": "S", "recipients": RECIPIENTS})
    uid = draft.get_json()["id"]
    kept = {**letter, "draft": uid, "draft_revision": "1"}
    assert watching.post(person, "/drafts", "/", **kept).status_code == 303
    monkeypatch.setattr(converter, "WAIT_FOR_CONVERTER_SECONDS", 0.01)
    with converter._ours._turn:
        told_to_wait(watching.post(person, "/mailings", "/", **letter))
        told_to_wait(person.get(checked.location))
        told_to_wait(watching.post(person, f"{checked.location}/send", "/"))
        told_to_wait(light_client.post(f"/drafts/{uid}/send"))
    assert number_of_mailings(light_client) == 0
    assert watching.post(person, f"{checked.location}/send", "/").status_code == 303
    sent = light_client.post(f"/drafts/{uid}/send")
    assert sent.status_code == 200
    with converter._ours._turn:
        assert light_client.post(f"/drafts/{uid}/send").get_json() == sent.get_json()


def test_what_could_not_be_compared_with_what_was_checked_is_not_sent(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter is free again between that comparison and the send."""
    person = watching.signed_in(light_client.app)
    template = {"name": "T", "alias": "t", "subject": "S", "text": "T", "publish": "1"}
    path = watching.post(person, "/templates", "/templates/new", **template).location
    letter = {**TYPED, "subject": "", "template": "t", "format": "html", "html": STYLED}
    checked = watching.post(person, "/check", "/", **letter).location
    watching.post(person, path, path, **{**template, "subject": "As nobody has seen it"})
    monkeypatch.setattr(converter, "WAIT_FOR_CONVERTER_SECONDS", 0.01)

    def busy_meanwhile(form: ComposeForm) -> Content:
        with converter._ours._turn:
            return content_of(form)

    with monkeypatch.context() as patched:
        patched.setattr(check, "content_of", busy_meanwhile)
        told_to_wait(watching.post(person, f"{checked}/send", "/"))
    assert number_of_mailings(light_client) == 0
    refused = watching.post(person, f"{checked}/send", "/")
    assert "has changed since" in person.get(refused.location).text and number_of_mailings(light_client) == 0
