"""Further headers of a mailing: by the API, typed, kept in a draft, copied they are the same. So is what is
refused.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from mailroom.content.check import MOST_BAD_HEADERS
from mailroom.ledger.mailings import contents, mailings
from tests.api.conftest import Client
from tests.web import watching

HEADERS = {
    "X-Campaign": "June: {{ town }} “é”",
    "List-Archive": "<https://example.org/{{ town | url_encode }}>",
}
LINES = "\n".join(f"{name}: {value}" for name, value in HEADERS.items())
BY_PROGRAM: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News",
    "text": "Hello {{ town }}",
    "headers": HEADERS,
    "recipients": [{"address": f"{n}@example.org", "variables": {"town": f"Town {n}"}} for n in range(2)],
    "sending_hours": {"days": ["mon"], "from": "09:00", "to": "17:00", "zone": "Europe/Berlin"},
    "canary": 1,
}
TYPED = {"sender": "a@acme.example", "subject": "S", "text": "T", "recipients": "Ann <ann@example.org>"}


@pytest.fixture
def person(light_client: Client) -> FlaskClient:
    return watching.signed_in(light_client.app)


def typed_in(page: str) -> dict[str, str]:
    """What a browser would send of the compose form, its boxes and kept files among it."""
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', page, re.S)
    inputs = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page)
    chosen = re.findall(r'<select[^>]* name="([^"]+)".*?value="([^"]*)" selected', page, re.S)
    radios = re.findall(r'name="([^"]+)" value="([^"]*)" checked', page)
    return {
        name: unescape(value) for name, value in [*inputs, *areas, *chosen, *radios] if name != "csrf_token"
    }


def sent_last(client: Client) -> list[tuple[str, str]]:
    """Headers of the newest mailing."""
    with client.database.read() as connection:
        found = contents.of(connection, mailings.page(connection)[0].id)
    assert found is not None
    return [(name, value) for name, value in found.headers]


def test_a_copy_has_those_of_its_mailing_its_hours_and_its_canary(
    light_client: Client, person: FlaskClient
) -> None:
    assert light_client.post("/mailings", json=BY_PROGRAM).status_code == 200
    for address in ("/?copy=1", "/?copy=1&to=queued"):
        form = typed_in(person.get(address).text)
        assert form["headers"] == LINES
        assert (form["hours"], form["canary"]) == ("Mon 09:00-17:00 Europe/Berlin", "1")
        copy = watching.post(person, "/mailings", "/", **form)
        assert copy.status_code == 303, copy.text
        assert copy.location != "/mailings/1" and sent_last(light_client) == [*HEADERS.items()]


def test_a_draft_keeps_them_whoever_wrote_it_and_whoever_sends_it(
    light_client: Client, person: FlaskClient
) -> None:
    uid = light_client.post("/drafts", json=BY_PROGRAM).get_json()["id"]
    assert light_client.get(f"/drafts/{uid}").get_json()["headers"] == LINES
    form = typed_in(person.get(f"/drafts/{uid}").text)
    assert form["headers"] == LINES
    kept = watching.post(person, "/drafts", "/", **{**form, "headers": f"{LINES}\r\n\r\nX-More: 1\r\n"})
    assert kept.status_code == 303
    assert light_client.post(f"/drafts/{uid}/send").status_code == 200
    assert sent_last(light_client) == [*HEADERS.items(), ("X-More", "1")]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("From", "eve@example.org", "The header From is set by Mailroom."),
        ("X y", "1", "cannot be the name of a header."),
        ("X-Town", "{{ twon }}", "No recipient has a value for {{ twon }}."),
        ("X-Loop", "{% for", ""),
        ("List-Archive", "<https://bücher.example>", "can hold ASCII only"),
        ("X-{{ town }}", "1", "Merge tags are not filled in a header's name"),
    ],
)
def test_what_is_refused_is_refused_alike(
    light_client: Client, person: FlaskClient, name: str, value: str, words: str
) -> None:
    by_program = light_client.post("/mailings", json={**BY_PROGRAM, "headers": {name: value}})
    typed = watching.post(person, "/mailings", "/", **{**TYPED, "headers": f"{name}: {value}"})
    assert (by_program.status_code, typed.status_code) == (422, 422)
    at_field = re.search(r'<div id="headers-wrong">(.*?)</div>', typed.text, re.S)
    assert at_field and words in unescape(at_field[1])
    assert "`headers`" in by_program.get_json()["message"] and words in by_program.get_json()["message"]
    assert typed_in(typed.text)["headers"] == f"{name}: {value}"


def test_a_line_that_is_no_header_and_very_many_are_told_in_few_words(
    light_client: Client, person: FlaskClient
) -> None:
    for lines in ("X-Campaign", ": June", "X: a\u2028Bcc: eve@example.org", "X: a\rBcc: eve@example.org"):
        assert watching.post(person, "/mailings", "/", **{**TYPED, "headers": lines}).status_code == 422, (
            lines
        )
    many = watching.post(person, "/mailings", "/", **{**TYPED, "headers": "é:\n" * 20_000})
    assert many.text.count("cannot be the name") == 2 * MOST_BAD_HEADERS, "at the field, and above the form"
    odd = {"A: b": "1"}, {"": "1"}, {"X": "a\nBcc: eve@example.org"}, {"X\u2028": "1"}
    for headers in odd:
        assert light_client.post("/drafts", json={"headers": headers}).status_code == 422, headers


def test_the_check_shows_them_filled_and_a_test_has_them(light_client: Client, person: FlaskClient) -> None:
    people = "email\ttown\nann@example.org\tUlm\nbob@example.org\t\n"
    form = {**TYPED, "recipients": people, "headers": LINES, "purpose": "transactional"}
    checked = watching.post(person, "/check", "/", **form)
    assert checked.status_code == 303, checked.text
    page = person.get(checked.location).text
    assert "<dt>X-Campaign</dt><dd><bdi>June: Ulm “é”</bdi></dd>" in page
    assert "is empty for 1 recipient" in unescape(re.sub(r"<[^>]+>", "", page))
    watching.post(person, f"{checked.location}/test", checked.location, to="me@example.org", place="0")
    assert sent_last(light_client) == [*HEADERS.items()]
