from __future__ import annotations

import csv
import json
from typing import Any

import pytest
import requests
from sqlalchemy import select

from mailroom.ledger.schema import mailings
from tests.api.conftest import EMAIL, Client, Served

MAILING: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News for {{ first_name }}",
    "text": "Dear {{ first_name }}, {{ points }} points, {{ is_member }}.",
    "recipients": [
        {
            "address": f"person{number}@mail.example",
            "name": f"Person {number}",
            "variables": {"first_name": f"P{number}", "points": number, "is_member": True},
        }
        for number in range(3)
    ],
}


def test_everybody_gets_their_own(served: Served) -> None:
    served.system.start_workers()
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {served.key}"

    accepted = api.post(f"{served.url}/mailings", json=MAILING).json()
    assert (accepted["total"], accepted["duplicates"]) == (3, 0)
    arrived = served.system.sink.wait(3)
    mailing = f"{served.url}/mailings/{accepted['id']}"
    served.system.wait(lambda: api.get(mailing).json()["state"] == "done")

    found = api.get(mailing).json()
    assert (found["counts"], found["total"]) == ({"sent": 3}, 3)
    assert sorted(one.recipient for one in arrived) == [f"person{n}@mail.example" for n in range(3)]
    second = next(one for one in arrived if one.recipient.startswith("person1"))
    assert b"Subject: News for P1\r\n" in second.raw and b"Dear P1, 1 points, true." in second.raw
    lines = api.get(f"{mailing}/deliveries")
    assert lines.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    rows = [json.loads(line) for line in lines.text.splitlines()]
    assert [(row["address"], row["state"], row["code"]) for row in rows] == [
        (f"person{n}@mail.example", "sent", 250) for n in range(3)
    ]
    assert {row["message_id"] for row in rows} == {one.message_id for one in arrived}
    table = list(csv.DictReader(api.get(f"{mailing}/deliveries?format=csv&state=sent").text.splitlines()))
    assert [row["address"] for row in table] == [row["address"] for row in rows]
    assert api.get(f"{mailing}/deliveries?state=failed").text == ""


def test_it_is_paused_resumed_and_canceled(client: Client) -> None:
    uid = client.post("/mailings", json={**MAILING, "scheduled_at": "in 2 days"}).get_json()["id"]

    def state(move: str) -> Any:
        answer = client.post(f"/mailings/{uid}/{move}")
        return answer.get_json().get("state", answer.status_code)

    assert client.get(f"/mailings/{uid}").get_json()["state"] == "scheduled"
    assert [state("pause"), state("pause"), state("resume")] == ["paused", "paused", "scheduled"]
    assert [state("cancel"), state("cancel"), state("pause"), state("resume")] == [
        "canceled",
        "canceled",
        409,
        409,
    ]


@pytest.mark.parametrize(("path", "body"), [("/mailings", MAILING), ("/emails", EMAIL)])
def test_a_doubt_may_wait_for_evidence_or_a_person(client: Client, path: str, body: dict[str, Any]) -> None:
    def noted(**policy: str) -> tuple[str, int | None]:
        uid = client.post(path, json={**body, **policy}).get_json()["id"]
        policy_of = select(mailings.c.if_unknown, mailings.c.evidence_ms).where(mailings.c.uid == uid)
        with client.database.read() as connection:
            return tuple(connection.execute(policy_of).one())

    assert noted(if_unknown="evidence") == ("evidence", 900_000)
    assert [noted(if_unknown="hold")[0], noted()[0]] == ["hold", "resend"]


def test_an_address_twice_is_one_recipient(client: Client) -> None:
    twice = [{"address": "ann@mail.example"}, {"address": "Ann <ANN@mail.example>"}]
    accepted = client.post("/mailings", json={**MAILING, "subject": "Hi", "text": "Hi", "recipients": twice})
    assert (accepted.get_json()["total"], accepted.get_json()["duplicates"]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipients": []}, "`recipients`: "),
        ({"recipients": [{"address": "x"}]}, "`recipients[0].address`: "),
        ({"recipients": [{"address": "a@b.example", "variables": {"a b": "c"}}]}, "The name of a variable"),
        ({"subject": "Hi {{ nickname }}"}, "No recipient has a value for {{ nickname }}"),
        ({"text": "{% if %}"}, "`text`: "),
        ({"html": "{% for i in (1..99999) %}x{% endfor %}"}, "`html`: Tried for "),
        ({"to": "a@b.example"}, "`to`: There is no such field"),
        ({"if_unknown": "maybe"}, "`if_unknown`: "),
    ],
)
def test_a_mistake_is_named(light_client: Client, changes: dict[str, Any], message: str) -> None:
    answer = light_client.post("/mailings", json={**MAILING, **changes})
    assert answer.status_code == 422 and message in answer.get_json()["message"]


def test_ten_thousand_are_accepted(client: Client) -> None:
    people = [{"address": f"p{n}@mail.example", "variables": {"first_name": "P"}} for n in range(10_000)]
    mailing = {**MAILING, "subject": "Hi", "text": "{{ first_name }}", "recipients": people}
    uid = client.post("/mailings", json=mailing).get_json()["id"]
    assert client.get(f"/mailings/{uid}").get_json()["counts"] == {"queued": 10_000}
    assert client.get(f"/mailings/{uid}/deliveries").get_data(as_text=True).count("\n") == 10_000


def test_a_mailing_is_no_email(client: Client) -> None:
    uid = client.post("/mailings", json=MAILING).get_json()["id"]
    assert client.get(f"/emails/{uid}").status_code == 404
    assert client.get("/emails").get_json()["data"] == []
    email = client.send().get_json()["id"]
    assert client.get(f"/mailings/{email}").get_json()["total"] == 1


def test_a_mailing_with_undo_waits_and_can_be_taken_back(light_client: Client) -> None:
    accepted = light_client.post("/mailings", json={**MAILING, "undo": 30}).json
    assert accepted is not None
    waiting = light_client.get(f"/mailings/{accepted['id']}").json
    assert waiting is not None and waiting["state"] == "scheduled" and waiting["scheduled_at"]
    canceled = light_client.post(f"/mailings/{accepted['id']}/cancel").json
    assert canceled is not None and canceled["state"] == "canceled"
    for wrong in (-1, 3_601, 1.5, "x"):
        answer = light_client.post("/mailings", json={**MAILING, "undo": wrong})
        assert answer.status_code == 422 and "`undo`" in answer.text


def test_the_first_go_and_the_others_wait_to_be_let_go(light_client: Client) -> None:
    def look(uid: str, act: str = "") -> dict[str, Any]:
        call = light_client.post if act else light_client.get
        found: dict[str, Any] = call(f"/mailings/{uid}{act}").get_json()
        return found

    for wish, first in ((1, 1), ("1", 1), ("1%", 1), ("34%", 2), ("99.9%", None), (3, None), ("0%", None)):
        uid = light_client.post("/mailings", json={**MAILING, "canary": wish}).get_json()["id"]
        assert (look(uid)["canary"], look(uid)["release_at"]) == (first, None), wish
        if first:
            let_go = look(uid, "/release")
            assert let_go["release_at"] and look(uid, "/release")["release_at"] == let_go["release_at"]
        else:
            assert look(uid, "/release")["statusCode"] == 409
    timed = {**MAILING, "canary": 1, "canary_wait": 60}
    found = look(light_client.post("/mailings", json=timed).get_json()["id"])
    assert found["release_at"] > found["created_at"]
    refused: dict[str, list[Any]] = {
        "canary": [-1, 1.5, True, "", "1 %%", "100%", "-1%", "٣", [], {}, "9" * 5_000],
        "canary_wait": [-1, 86_401, 1.5, "x"],
    }
    for field, wrong in ((name, value) for name in refused for value in refused[name]):
        answer = light_client.post("/mailings", json={**MAILING, field: wrong})
        assert answer.status_code == 422 and f"`{field}`" in answer.text, wrong
