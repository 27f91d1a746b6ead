"""Repeats by the API: kept once, listed, changed, paused, sent now, canceled."""

from __future__ import annotations

from typing import Any

import pytest

from mailroom.ledger.people import api_keys
from mailroom.web.api.requests.examples import REQUESTS
from tests.api.conftest import Client

REPEAT: dict[str, Any] = REQUESTS["create_repeat"]


def keep(client: Client, **changes: Any) -> Any:
    answer = client.post("/repeats", json={**REPEAT, **changes})
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def test_one_is_kept_looked_at_and_listed(client: Client) -> None:
    kept = keep(client, scheduled_at="2030-03-30T12:00:00Z", rule="daily 2:30", times=3)
    assert (kept["state"], kept["rule"], kept["times"], kept["total"]) == ("active", "daily 02:30", 3, 2)
    assert [at[:16] for at in kept["upcoming"]] == [
        "2030-03-31T01:00",  # there is no 02:30 in Berlin: when the clocks jump
        "2030-04-01T00:30",
        "2030-04-02T00:30",
    ]
    other = keep(client)
    assert client.get(f"/repeats/{kept['id']}").get_json() == kept
    first = client.get("/repeats?limit=1").get_json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == ([other["id"]], True)
    second = client.get(f"/repeats?limit=1&after={other['id']}").get_json()
    assert ([one["id"] for one in second["data"]], second["has_more"]) == ([kept["id"]], False)
    assert client.get("/mailings/" + kept["id"]).status_code == 404


def test_the_same_submission_keeps_one(client: Client) -> None:
    again = {"Idempotency-Key": "weekly-news"}
    ids = {client.post("/repeats", json=REPEAT, headers=again).get_json()["id"] for _ in range(2)}
    assert len(ids) == 1 and len(client.get("/repeats").get_json()["data"]) == 1
    other = client.post("/repeats", json={**REPEAT, "rule": "daily 9:00"}, headers=again)
    assert other.status_code == 409


def test_it_is_changed_paused_resumed_sent_and_canceled(client: Client) -> None:
    kept = keep(client, times=5)
    path = f"/repeats/{kept['id']}"
    hours = {"days": ["mon"], "from": "09:00", "to": "17:00", "zone": "Asia/Tokyo"}
    changed = client.patch(
        path, json={"rule": "monthly 31 9:00", "zone": "Asia/Tokyo", "times": None, "sending_hours": hours}
    ).get_json()
    assert (changed["rule"], changed["zone"], changed["times"]) == ("monthly last 09:00", "Asia/Tokyo", None)
    assert changed["sending_hours"] == "Mon 09:00-17:00 Asia/Tokyo"
    assert client.patch(path, json={"sending_hours": None}).get_json()["sending_hours"] is None

    def move(action: str) -> tuple[int, Any]:
        answer = client.post(f"{path}/{action}")
        return answer.status_code, answer.get_json().get("state")

    assert [move("pause"), move("pause"), move("resume")] == [
        (200, "paused"),
        (200, "paused"),
        (200, "active"),
    ]
    sent = client.post(f"{path}/send").get_json()
    assert client.get(f"/mailings/{sent['id']}").get_json()["total"] == 2
    ticks = client.get(path).get_json()["ticks"]
    assert [(one["mailing"], one["by_hand"]) for one in ticks] == [(sent["number"], True)]
    assert [move("cancel"), move("cancel"), move("resume"), move("send")] == [
        (200, "canceled"),
        (200, "canceled"),
        (409, None),
        (409, None),
    ]
    assert client.patch(path, json={"rule": "daily 9:00"}).status_code == 409
    assert client.get(path).get_json()["upcoming"] == []


def test_sent_again_with_the_same_key_it_is_one_mailing(client: Client) -> None:
    path, again = f"/repeats/{keep(client)['id']}", {"Idempotency-Key": "one more"}
    first, second = (client.post(f"{path}/send", headers=again) for _ in range(2))
    assert first.get_json()["id"] == second.get_json()["id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    client.post(f"{path}/cancel")
    assert client.post(f"{path}/send", headers=again).get_json()["id"] == first.get_json()["id"]
    other = f"/repeats/{keep(client)['id']}/send"
    assert client.post(other, headers=again).status_code == 409
    assert len(client.get(path).get_json()["ticks"]) == 1


def test_a_bound_key_sends_no_repeat_of_another_sender_that_its_program_made(client: Client) -> None:
    with client.database.begin() as connection:
        free, number = api_keys.add(connection, "free", scopes=["send", "read"])
        bound, _ = api_keys.add(
            connection, "bound", scopes=["send", "read"], senders=["other.example"], shares_with=number
        )
    uid = client.post("/repeats", json=REPEAT, key=free).get_json()["id"]
    assert client.get(f"/repeats/{uid}", key=bound).status_code == 200
    tried = [
        client.post(f"/repeats/{uid}/send", key=bound),
        client.patch(f"/repeats/{uid}", json={"rule": "cron * * * * *"}, key=bound),
        client.post(f"/repeats/{uid}/resume", key=bound),
    ]
    assert [(one.status_code, "may not send from" in one.text) for one in tried] == [(403, True)] * 3
    assert client.post(f"/repeats/{uid}/cancel", key=bound).get_json()["state"] == "canceled"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rule": "sometimes"}, "`rule`: Write a rule like"),
        ({"rule": "cron 0 0 30 2 *"}, "`rule`: That is no rule of cron"),
        ({"zone": "Mars/Olympus"}, "`zone`: There is no such time zone"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "There is no tick of that rule before its end."),
        ({"times": 0}, "`times`"),
        ({"recipients": []}, "`recipients`"),
        ({"text": "{{ first_nam }}"}, "first_nam"),
    ],
)
def test_mistakes_are_told(light_client: Client, changes: dict[str, Any], told: str) -> None:
    answer = light_client.post("/repeats", json={**REPEAT, **changes})
    assert answer.status_code == 422 and told in answer.get_json()["message"], answer.get_json()
