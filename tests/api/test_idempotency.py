from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from mailroom.engine.accept.rows import delivery_rows
from mailroom.ledger.mailings.insertion import NewDelivery
from mailroom.ledger.schema import api_keys, idempotency_keys, mailings
from tests.api.conftest import EMAIL, Client, Served, new_key

KEY = {"Idempotency-Key": "order/1"}
MAILING: dict[str, Any] = {
    "from": "hello@acme.example",
    "subject": "News",
    "text": "News.",
    "recipients": [{"address": "ann@mail.example"}, {"address": "ANN@mail.example"}],
}


def count(client: Client) -> int:
    with client.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(mailings)).scalar_one())


@pytest.mark.parametrize(
    ("path", "body"), [("/emails", EMAIL), ("/emails/batch", [EMAIL, EMAIL]), ("/mailings", MAILING)]
)
def test_the_same_again_gets_the_same_answer(client: Client, path: str, body: Any) -> None:
    first = client.post(path, json=body, headers=KEY)
    made = count(client)
    again = client.post(path, data=json.dumps(body, indent=4), headers=KEY)

    assert first.status_code == again.status_code == 200
    assert first.get_data() == again.get_data()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(client) == made


@pytest.mark.parametrize("path", ["/emails", "/emails/batch"])
def test_the_same_key_for_something_else_is_refused(client: Client, path: str) -> None:
    client.post("/emails", json=EMAIL, headers=KEY)
    other = {**EMAIL, "subject": "Other"}
    refused = client.post(path, json=other if path == "/emails" else [other], headers=KEY)

    assert refused.status_code == 409
    assert refused.get_json()["name"] == "invalid_idempotent_request"


def test_a_mistake_takes_no_key(client: Client) -> None:
    assert client.post("/emails", json={**EMAIL, "to": "nobody"}, headers=KEY).status_code == 422
    assert client.post("/emails", json=EMAIL, headers=KEY).status_code == 200


def test_keys_are_each_api_key_s_own(client: Client) -> None:
    first = client.post("/emails", json=EMAIL, headers=KEY)
    other = client.post("/emails", json=EMAIL, headers=KEY, key=new_key(client.database))
    assert first.get_json()["id"] != other.get_json()["id"]


def test_a_key_is_forgotten_after_a_day(client: Client) -> None:
    first = client.post("/emails", json=EMAIL, headers=KEY)
    with client.database.begin() as connection:
        earlier = select(idempotency_keys.c.created_at).scalar_subquery()
        made = connection.execute(select(earlier)).scalar_one()
        connection.execute(update(idempotency_keys).values(created_at=made - timedelta(hours=25)))
    again = client.post("/emails", json=EMAIL, headers=KEY)
    assert again.get_json()["id"] != first.get_json()["id"]


def test_what_was_accepted_is_answered_even_when_it_would_be_refused_now(client: Client) -> None:
    sender = new_key(client.database, senders=["acme.example"])
    first = client.post("/emails", json=EMAIL, headers=KEY, key=sender)
    with client.database.begin() as connection:
        connection.execute(update(api_keys).values(senders=["other.example"]))
    again = client.post("/emails", json=EMAIL, headers=KEY, key=sender)
    assert again.get_json() == first.get_json()
    assert client.post("/emails", json=EMAIL, key=sender).status_code == 403


@pytest.mark.parametrize("bad", ["", "x" * 257, "schön"])
def test_a_key_that_is_none_is_refused(light_client: Client, bad: str) -> None:
    refused = light_client.post("/emails", json=EMAIL, headers={"Idempotency-Key": bad})
    assert (refused.status_code, refused.get_json()["name"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(("path", "body"), [("/emails", EMAIL), ("/emails/batch", [EMAIL, EMAIL])])
def test_twenty_at_once_make_one(served: Served, path: str, body: Any) -> None:
    answers: list[tuple[int, str, bool]] = []
    ready = threading.Barrier(20)

    def post() -> None:
        request = urllib.request.Request(served.url + path, json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {served.key}")
        request.add_header("Content-Type", "application/json")
        request.add_header("Idempotency-Key", "race")
        ready.wait()
        with urllib.request.urlopen(request, timeout=30) as answer:
            replayed = answer.headers.get("Idempotent-Replayed") == "true"
            answers.append((answer.status, json.dumps(json.load(answer)), replayed))

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 20
    assert len({(status, text) for status, text, _ in answers}) == 1
    assert Counter(replayed for _, _, replayed in answers) == {True: 19, False: 1}
    with served.system.database.read() as connection:
        made = connection.execute(select(func.count()).select_from(mailings)).scalar_one()
    assert made == (1 if path == "/emails" else 2)


def test_a_large_mailing_that_is_still_being_accepted_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**MAILING, "recipients": [{"address": f"p{number}@mail.example"} for number in range(6_000)]}
    staged, go_on = threading.Event(), threading.Event()

    def rows_of_the_second_chunk_late(*arguments: Any) -> list[NewDelivery]:
        made = delivery_rows(*arguments)
        if "p2500@mail.example" in (row.address for row in made):
            staged.set()
            assert go_on.wait(30)
        return made

    monkeypatch.setattr("mailroom.engine.accept.write.delivery_rows", rows_of_the_second_chunk_late)
    first: list[TestResponse] = []
    thread = threading.Thread(target=lambda: first.append(client.post("/mailings", json=body, headers=KEY)))
    thread.start()
    try:
        assert staged.wait(30)
        early = client.post("/mailings", json=body, headers=KEY)
        other = client.post("/mailings", json={**body, "subject": "Other"}, headers=KEY)
    finally:
        go_on.set()
        thread.join()
    after = client.post("/mailings", json=body, headers=KEY)

    assert (early.status_code, early.get_json()["name"]) == (409, "concurrent_idempotent_requests")
    assert early.headers["Retry-After"] == "1"
    assert (other.status_code, other.get_json()["name"]) == (409, "invalid_idempotent_request")
    assert first[0].status_code == after.status_code == 200
    assert after.get_json()["id"] == first[0].get_json()["id"]
    assert after.headers["Idempotent-Replayed"] == "true"
    assert count(client) == 1
