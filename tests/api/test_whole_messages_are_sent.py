"""POST /emails/raw. What a key that names senders tries: tests/attacks/test_the_submission_port.py."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import select

from mailroom.engine.accept.handed_in import MOST_RCPT
from mailroom.ledger.schema import originals
from tests.api.conftest import Client, new_key

MESSAGE = (
    b"From: Acme <hello@acme.example>\r\nTo: Ann Lee <ann@mail.example>\r\nCc: bob@mail.example\r\n"
    b"Bcc: eve@mail.example\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nAs it came.\r\n"
)


def raw(whole: bytes = MESSAGE, **changes: Any) -> dict[str, Any]:
    people = ["ann@mail.example", "bob@mail.example", "carl@mail.example", "ANN@mail.example"]
    return {"from": "bounces@acme.example", "recipients": people, "message": base64(whole), **changes}


def base64(message: bytes) -> str:
    return b64encode(message).decode()


def test_it_is_mailed_as_it_came_to_everybody_of_its_envelope(client: Client) -> None:
    answer = client.post("/emails/raw", json=raw())
    assert answer.status_code == 200, answer.get_json()
    email = client.get(f"/emails/{answer.get_json()['id']}").get_json()
    assert (email["from"], email["subject"]) == ("Acme <hello@acme.example>", "Grüße")
    assert email["to"] == ["Ann Lee <ann@mail.example>"]
    assert (email["cc"], email["bcc"]) == (["bob@mail.example"], ["carl@mail.example"])
    with client.database.read() as connection:
        row = connection.execute(select(originals)).one()
    assert row.envelope_sender == "bounces@acme.example"
    assert row.data.startswith(b"Date: ") and b"Received" not in row.data and b"eve" not in row.data
    assert row.data.endswith(b"\r\n\r\nAs it came.\r\n")


def test_the_same_again_is_answered_as_before(light_client: Client) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first, again = (light_client.post("/emails/raw", json=raw(), headers=headers) for _ in range(2))
    assert first.get_json() == again.get_json() and again.headers["Idempotent-Replayed"] == "true"
    other = light_client.post("/emails/raw", json=raw(MESSAGE + b"!"), headers=headers)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"from": "ceo@victim.example"}, 403, "may not send from ceo@victim.example"),
        ({"message": base64(b"From: ceo@victim.example\r\n\r\n")}, 403, "ceo@victim.example"),
        ({"message": base64(b"Subject: s\r\n\r\n")}, 422, "`message`: .* no From header"),
        ({"message": ""}, 422, "`message`: .* no From header"),
        ({"message": "100 %"}, 422, "`message`: This is not Base64"),
        ({"from": "Acme"}, 422, "`from`: "),
        ({"recipients": []}, 422, "`recipients`: This needs at least 1"),
        ({"recipients": ["ann"]}, 422, r"`recipients\[0\]`: "),
        ({"recipients": ["ann@mail.example"] * (MOST_RCPT + 1)}, 422, "1,000 is the most"),
        ({"subject": "s"}, 422, "`subject`: There is no such field"),
    ],
)
def test_it_says_what_is_wrong(
    light_client: Client, changes: dict[str, Any], status: int, words: str
) -> None:
    key = new_key(light_client.database, scopes=["send"], senders=["acme.example"])
    answer = light_client.post("/emails/raw", json=raw(**changes), key=key)
    assert answer.status_code == status
    assert re.search(words, answer.get_json()["message"])


def test_its_address_is_no_id_of_an_email(light_client: Client) -> None:
    answer = light_client.get("/emails/raw")
    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
