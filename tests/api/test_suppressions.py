"""Keys that administer see, add and take off who is suppressed, and from what; other keys do not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import mailings
from tests.api.conftest import EMAIL, Client, new_key

ANN = {"address": "Ann@mail.example", "scope": {"sender": "News@acme.example", "list": "Digest"}}


def test_one_is_added_found_and_taken_off(client: Client) -> None:
    added = client.post("/suppressions", json={**ANN, "note": "asked by phone", "reason": "unsubscribed"})
    assert added.status_code == 200
    one = added.get_json()
    assert (one["address"], one["scope"]) == (
        "ann@mail.example",
        {"sender": "news@acme.example", "list": "digest"},
    )
    assert one["evidence"].startswith("added by API key") and one["mailing"] is None
    again = client.post("/suppressions", json={**ANN, "note": "another"})
    assert again.get_json() == one, "as it was"
    assert client.post("/suppressions", json={"address": "Ann@mail.example"}).get_json()["scope"] is None
    assert [row["scope"] for row in client.get("/suppressions?q=ann@").get_json()["data"]] == [
        None,
        one["scope"],
    ]
    assert client.post("/suppressions/remove", json=ANN).get_json()["deleted"] is True
    assert client.post("/suppressions/remove", json=ANN).status_code == 404
    assert len(client.get("/suppressions").get_json()["data"]) == 1


def test_pages_follow_each_other(light_client: Client) -> None:
    for name in ("ann", "bob", "carol"):
        light_client.post("/suppressions", json={"address": f"{name}@mail.example"})
    found, after = [], ""
    for _ in range(5):
        answer = light_client.get("/suppressions", query_string={"limit": 1, "after": after}).get_json()
        found += [row["address"] for row in answer["data"]]
        if not answer["has_more"]:
            break
        after = answer["next"]
    assert found == ["ann@mail.example", "bob@mail.example", "carol@mail.example"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", ""), ("POST", "/remove")], ids=["list", "add", "remove"]
)
def test_other_keys_do_not(light_client: Client, method: str, path: str) -> None:
    key = new_key(light_client.database, scopes=["send", "read"])
    answer = light_client.open(method, f"/suppressions{path}", key=key, json=ANN)
    assert (answer.status_code, answer.get_json()["name"]) == (401, "restricted_api_key")


@pytest.mark.parametrize(
    ("given", "purpose"),
    [
        ({}, "transactional"),
        ({"purpose": "bulk"}, "bulk"),
        ({"list": "digest"}, "bulk"),
        ({"purpose": "transactional", "list": "digest"}, "transactional"),
    ],
)
def test_an_email_says_its_purpose(light_client: Client, given: dict[str, str], purpose: str) -> None:
    assert light_client.post("/emails", json={**EMAIL, **given}).status_code == 200
    with light_client.database.read() as connection:
        assert connection.execute(select(mailings.c.purpose)).scalar_one() == purpose


@pytest.mark.parametrize(("people", "purpose"), [(99, "transactional"), (100, "bulk")])
def test_a_mailing_is_bulk_by_its_size(light_client: Client, people: int, purpose: str) -> None:
    recipients = [{"address": f"p{number}@mail.example"} for number in range(people)]
    letter = {"from": "news@acme.example", "subject": "News", "text": "Hi", "recipients": recipients}
    assert light_client.post("/mailings", json=letter).status_code == 200
    with light_client.database.read() as connection:
        assert connection.execute(select(mailings.c.purpose)).scalar_one() == purpose
