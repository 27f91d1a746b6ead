"""A key keeps lists, repeats and templates up to a number, and a page of them reads none of what they say."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from mailroom.ledger.lists import kept as lists
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.program_room import ProgramIsFull
from mailroom.ledger.repeats import repeats
from mailroom.ledger.templates import stored, versions
from mailroom.web.api.requests.examples import REQUESTS
from tests.api.conftest import Client, new_key

LETTER = {"name": "Hello", "subject": "Hi", "html": "<p>Hi</p>"}


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LISTS_OF_PROGRAM", 2)
    monkeypatch.setattr(repeats, "REPEATS_OF_PROGRAM", 2)
    monkeypatch.setattr(stored, "TEMPLATES_OF_PROGRAM", 2)
    monkeypatch.setattr(versions, "VERSIONS_KEPT", 3)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/lists", {"name": "List {}"}, "lists"),
        ("/templates", LETTER, "templates"),
        ("/repeats", REQUESTS["create_repeat"], "repeats"),
    ],
)
def test_one_too_many_is_refused_and_another_program_s_is_not(
    light_client: Client, path: str, body: dict[str, Any], words: str
) -> None:
    def make(key: str, number: int) -> Any:
        given = body | ({"name": f"One {number}"} if "name" in body else {})
        return light_client.post(path, key=key, json=given)

    key, other = (new_key(light_client.database, scopes=[api_keys.SEND, api_keys.READ]) for _ in range(2))
    made = [make(key, number) for number in range(3)]
    assert [answer.status_code for answer in made] == [200, 200, 409]
    assert f"2 {words}" in made[2].get_json()["message"]
    assert len(light_client.get(path, key=key).get_json()["data"]) == 2
    assert make(other, 1).status_code == 200
    uid = made[0].get_json()["id"]
    if path == "/repeats":
        light_client.post(f"{path}/{uid}/cancel", key=key)
    else:
        light_client.open("DELETE", f"{path}/{uid}", key=key)
    assert make(key, 4).status_code == 200, "there is room again"


def test_one_that_had_ended_goes_on_within_the_number(light_client: Client) -> None:
    key = new_key(light_client.database, scopes=[api_keys.SEND, api_keys.READ])
    ids = []
    for _ in range(2):
        ids.append(light_client.post("/repeats", key=key, json=REQUESTS["create_repeat"]).get_json()["id"])
        past = {"ends_at": "2001-01-01T00:00:00Z"}
        ended = light_client.open("PATCH", f"/repeats/{ids[-1]}", key=key, json=past)
        assert ended.get_json()["state"] == "ended"
    for _ in range(2):
        light_client.post("/repeats", key=key, json=REQUESTS["create_repeat"])
    again = light_client.open("PATCH", f"/repeats/{ids[0]}", key=key, json={"ends_at": None})
    assert again.status_code == 409, again.get_json()


def test_what_people_keep_is_not_counted(light_client: Client) -> None:
    with light_client.database.begin() as connection:
        for number in range(4):
            lists.add(connection, f"List {number}", f"list {number}")
            stored.add(connection, f"Letter {number}", LETTER)


def test_a_page_of_templates_reads_no_letters(light_client: Client) -> None:
    """A hundred of four megabytes took 400 and more of a web process."""
    for number in range(2):
        light_client.post("/templates", json=LETTER | {"name": f"Letter {number}"})
    read: list[str] = []
    engine = light_client.database.engine
    event.listen(engine, "before_cursor_execute", lambda *of: read.append(of[2]), named=False)
    assert len(light_client.get("/templates").get_json()["data"]) == 2
    assert read and not any("letter" in sql for sql in read if "FROM templates" in sql)


def test_a_template_keeps_its_newest_versions(light_client: Client) -> None:
    uid = light_client.post("/templates", json=LETTER).get_json()["id"]
    for number in range(5):
        light_client.open("PATCH", f"/templates/{uid}", json={"subject": f"Hi {number}"})
        assert light_client.post(f"/templates/{uid}/publish").status_code == 200

    def numbers(connection: Connection) -> list[int]:
        found = stored.find(connection, uid)
        assert found is not None and versions.in_use(connection, found) is not None
        return [one.number for one in versions.versions_of(connection, found.id, 10)]

    with light_client.database.read() as connection:
        assert numbers(connection) == [5, 4, 3]


def test_the_ledger_itself_refuses(light_client: Client) -> None:
    with light_client.database.begin() as connection:
        for number in range(2):
            lists.add(connection, f"List {number}", f"list {number}", program_id=7)
        with pytest.raises(ProgramIsFull):
            lists.add(connection, "More", "more", program_id=7)
