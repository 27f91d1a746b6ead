"""Lists by the API: made, imported in one piece or line by line, looked through, and whose they are."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from mailroom.content.addresses import parse_address
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.lists import kept, lease
from mailroom.web.api.requests.examples import EXAMPLE_MAILING
from mailroom.web.api.submitted import list_lines
from tests.api.conftest import Client, new_key

PEOPLE: list[dict[str, Any]] = [
    {"address": "Ann <ann@mail.example>", "variables": {"city": "Köln", "age": 42, "left": False, "x": None}},
    {
        "address": "bob@mail.example",
        "name": "=Bob",
        "consent": {"at": "2024-05-01T10:00:00+02:00", "how": "form", "evidence": "https://a.example/1"},
    },
]


def made(client: Client, people: Any = PEOPLE, key: str | None = None, **more: Any) -> str:
    answer = client.post("/lists", json={"name": f"List {uuid4()}", **more}, key=key)
    assert answer.status_code == 200, answer.get_json()
    uid = str(answer.get_json()["id"])
    if people:
        assert client.post(f"/lists/{uid}/import", json=people, key=key).status_code == 200
    return uid


def people_on(client: Client, uid: str, query: str = "") -> list[Any]:
    found: list[Any] = client.get(f"/lists/{uid}/recipients{query}").get_json()["data"]
    return found


def test_one_is_made_imported_and_looked_at(client: Client) -> None:
    uid = made(client, [])
    dry = client.post(f"/lists/{uid}/import?dry_run=true", json=[*PEOPLE, PEOPLE[0]]).get_json()
    assert (dry["dry_run"], dry["added"], dry["consents"], dry["duplicates"]) == (True, 2, 1, 1)
    assert people_on(client, uid) == []
    assert client.post(f"/lists/{uid}/import", json=PEOPLE).get_json()["added"] == 2
    shown = client.get(f"/lists/{uid}").get_json()
    assert (shown["total"], shown["is_ready"], shown["shared"]) == (2, True, False)
    assert shown["columns"] == ["city", "age", "left", "x"]
    ann, bob = people_on(client, uid)
    assert (ann["name"], ann["variables"], ann["consent"]) == (
        "Ann",
        {"city": "Köln", "age": 42, "left": False},
        None,
    )
    assert (bob["consent"]["at"], bob["consent"]["how"]) == ("2024-05-01T08:00:00.000+00:00", "form")
    assert people_on(client, uid, "?q=k%C3%B6ln") == [ann]
    assert people_on(client, uid, "?address=BOB@mail.example") == [bob]
    first = client.get(f"/lists/{uid}/recipients?limit=1").get_json()
    assert first["has_more"] and people_on(client, uid, f"?limit=1&after={first['next']}") == [bob]


def test_replaced_by_lines_that_are_read_one_by_one(client: Client) -> None:
    uid = made(client)
    exported = client.get(f"/lists/{uid}/export").data
    lines = exported + b"\n" + json.dumps({"address": "cy@mail.example"}).encode() + b"\n"
    for query, added in (("?mode=replace&dry_run=true", 1), ("?mode=replace", 1), ("?mode=replace", 0)):
        answer = client.post(
            f"/lists/{uid}/import{query}", data=lines, headers={"Content-Type": "application/x-ndjson"}
        ).get_json()
        assert (answer["added"], answer["changed"], answer["removed"]) == (added, 0, 0), answer
    gone = client.post(f"/lists/{uid}/import?mode=replace", json=PEOPLE[:1]).get_json()
    assert gone["removed"] == 2 and {one["address"] for one in gone["examples"]["removed"]} == set()
    assert [one["address"] for one in people_on(client, uid)] == ["ann@mail.example"]


def test_its_csv_computes_nothing(client: Client) -> None:
    text = client.get(f"/lists/{made(client)}/export?format=csv").text
    assert text.splitlines() == [
        "email,name,city,age,left,x,consent,consent_at,consent_how,consent_evidence",
        "ann@mail.example,Ann,Köln,42,false,,,,,",
        "bob@mail.example,'=Bob,,,,,given,2024-05-01T08:00:00.000+00:00,form,https://a.example/1",
    ]


def test_one_is_put_changed_and_taken_off_and_the_history_of_consent_stays(client: Client) -> None:
    uid = made(client)
    for at, how in (("2025-01-01", "letter"), ("2023-01-01", "older"), ("2026-01-01T00:00:00Z", "spoken")):
        answer = client.post(
            f"/lists/{uid}/recipients",
            json={
                "address": "bob@mail.example",
                "variables": {"city": "Rome"},
                "consent": {"at": at, "how": how},
            },
        )
        assert answer.get_json()["variables"] == {"city": "Rome"} and answer.get_json()["name"] == "=Bob"
    facts = client.get(f"/lists/{uid}/history?address=bob@mail.example").get_json()["data"]
    assert [fact["how"] for fact in facts] == ["spoken", "letter", "form"]
    off = client.post(
        f"/lists/{uid}/recipients/remove", json={"addresses": ["bob@mail.example", "no@mail.example"]}
    )
    assert off.get_json()["removed"] == 1
    assert client.get(f"/lists/{uid}/history?address=bob@mail.example").status_code == 404


def test_new_ones_are_made_of_a_list_and_of_a_mailing(client: Client) -> None:
    uid = made(client)
    where = [{"column": "age", "how": "greater", "value": "41"}]
    some = client.post("/lists/from-list", json={"name": "Some", "list": uid, "where": where}).get_json()
    assert some["total"] == 1 and [one["name"] for one in people_on(client, some["id"])] == ["Ann"]
    wrong = {"name": "X", "list": uid, "where": [{**where[0], "column": "agr"}]}
    assert "no column agr" in client.post("/lists/from-list", json=wrong).get_json()["message"]
    mailing = client.post("/mailings", json=EXAMPLE_MAILING).get_json()["id"]
    of = {"name": "Waiting", "mailing": mailing, "outcome": "queued"}
    assert client.post("/lists/from-mailing", json=of).get_json()["columns"] == ["first_name"]
    assert client.post("/lists/from-mailing", json=of).status_code == 409
    assert client.post("/lists/from-mailing", json={**of, "outcome": "lost"}).status_code == 422


def test_what_cannot_be_kept_is_refused_with_its_place(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = made(light_client, [])

    def refused(people: Any, **options: Any) -> str:
        given = {"json": people} if not options else {"data": people, **options}
        answer = light_client.post(f"/lists/{uid}/import", **given)
        assert answer.status_code in (400, 422), answer.get_json()
        return str(answer.get_json()["message"])

    lines = {"headers": {"Content-Type": "application/x-ndjson"}}
    assert "[1].address" in refused([PEOPLE[0], {"address": "ann@"}])
    assert "characters" in refused([{"address": "a@mail.example", "variables": {"x": "y" * 70_000}}])
    assert "give it in `consent`" in refused([{"address": "a@mail.example", "variables": {"consent": "yes"}}])
    assert "Line 2" in refused(b'{"address": "a@mail.example"}\n{"address": 7}\n', **lines)
    assert "Line 1: The body is not JSON" in refused(b"{\n", **lines)
    assert "is no time" in refused([{"address": "a@mail.example", "consent": {"at": "soon"}}])
    assert "empty" in refused(b"\n", **lines)
    wide = b"".join(
        json.dumps(
            {"address": f"p{n}@mail.example", "variables": {f"v{n}_{c}": 1 for c in range(200)}}
        ).encode()
        + b"\n"
        for n in range(6)
    )
    assert "1,000 variables" in refused(wide, **lines)
    monkeypatch.setattr(list_lines, "LONGEST_JSON_LINE", 50)
    assert "Line 1 has more than" in refused(
        b'{"address": "a@mail.example", "name": "' + b"x" * 90 + b'"}', **lines
    )
    assert light_client.get(f"/lists/{uid}").get_json()["total"] == 0


def test_people_share_a_list_and_programs_may_use_it_then_not_change_it(client: Client) -> None:
    key = new_key(client.database, scopes=["send", "read"])
    with client.database.begin() as connection:
        uid = kept.add(connection, "Peoples", "peoples").uid
    assert client.get(f"/lists/{uid}", key=key).status_code == 404
    assert client.patch(f"/lists/{uid}", json={"shared": True}).status_code == 200
    assert client.get(f"/lists/{uid}/recipients", key=key).status_code == 200
    assert uid in client.get("/lists", key=key).text
    assert client.post(f"/lists/{uid}/recipients", json=PEOPLE[1], key=key).status_code == 403
    assert client.open("DELETE", f"/lists/{uid}", key=key).status_code == 403
    assert client.open("DELETE", f"/lists/{uid}").get_json()["deleted"] is True


def test_a_name_is_a_programs_only_one(client: Client) -> None:
    mine, theirs = (new_key(client.database, scopes=["send", "read"]) for _ in range(2))
    for key, status in ((mine, 200), (mine, 409), (theirs, 200)):
        assert client.post("/lists", json={"name": "Digest "}, key=key).status_code == status
    assert client.post("/lists", json={"name": "d" * 61}, key=mine).status_code == 422


LETTER: dict[str, Any] = {
    "from": "Acme <news@acme.example>",
    "subject": "For {{ city }}",
    "text": "Hi {{ name }} {{ unsubscribe_url }}",
}


def test_a_mailing_goes_to_whoever_is_on_it(client: Client) -> None:
    people = [{**PEOPLE[0], "variables": {"city": "Köln"}}, {"address": "bob@mail.example"}]
    uid = made(client, people, key=(key := new_key(client.database, scopes=["send", "read"])), name="Weekly")
    tried = client.post("/mailings/preflight", json={**LETTER, "recipients_list": uid}, key=key).get_json()
    assert tried["recipients"] == 2
    assert [one["rows"] for one in tried["findings"] if one["kind"] == "empty_value"][:1] == [[2]]
    answer = client.post("/mailings", json={**LETTER, "recipients_list": uid}, key=key).get_json()
    shown = client.get(f"/mailings/{answer['id']}", key=key).get_json()
    assert (shown["total"], shown["purpose"], shown["list"]) == (2, "bulk", "weekly")
    said = {**LETTER, "recipients_list": uid, "list": "other", "text": "Hi"}
    other = client.post("/mailings", json=said, key=key).get_json()["id"]
    assert client.get(f"/mailings/{other}", key=key).get_json()["list"] == "other"
    plain = {**LETTER, "recipients_list": uid, "purpose": "transactional", "text": "Hi"}
    receipt = client.post("/mailings", json=plain, key=key).get_json()["id"]
    assert client.get(f"/mailings/{receipt}", key=key).get_json()["list"] is None


def test_a_template_fills_what_the_list_leaves_empty(client: Client) -> None:
    uid = made(client)
    letter = {"name": "T", "subject": "For {{ CITY }}", "text": "Hi {{ plan }}", "from": "news@acme.example"}
    variables = [{"key": "CITY", "fallback_value": "you"}, {"key": "plan"}]
    template = client.post("/templates", json={**letter, "variables": variables}).get_json()["id"]
    client.post(f"/templates/{template}/publish")
    use: dict[str, Any] = {"recipients_list": uid, "template": {"id": template}}
    assert "wants a value for plan" in client.post("/mailings", json=use).get_json()["message"]
    use["template"]["variables"] = {"plan": "A"}
    assert client.post("/mailings", json=use).get_json()["total"] == 2


def test_nothing_goes_to_a_list_that_is_not_there_or_not_ready(client: Client) -> None:
    uid, empty = made(client), made(client, [])
    key = new_key(client.database, scopes=["send"])
    for path in ("/mailings", "/mailings/preflight"):
        theirs = client.post(path, json={**LETTER, "recipients_list": uid}, key=key)
        assert theirs.status_code == 404 and theirs.get_json()["message"] == "List not found."
        assert client.post(path, json={**LETTER, "recipients_list": empty}).status_code == 422
        both = {**LETTER, "recipients_list": uid, "recipients": [{"address": "a@mail.example"}]}
        assert "and not both" in client.post(path, json=both).get_json()["message"]
    with client.database.begin() as connection:
        found = kept.find(connection, uid)
        assert found is not None
        lease.take(connection, found.id)
    assert client.post("/mailings", json={**LETTER, "recipients_list": uid}).status_code == 409
    assert client.post(f"/lists/{uid}/import", json=PEOPLE).status_code == 409


@pytest.mark.parametrize("way", ["renamed", "part"])
def test_who_unsubscribed_stays_so_by_the_list_s_new_name(client: Client, way: str) -> None:
    key = new_key(client.database, scopes=["send", "read"])
    uid = made(client, PEOPLE, key, name="Digest")
    letter = {"from": EXAMPLE_MAILING["from"], "subject": "News", "text": "Hi", "purpose": "bulk"}

    def states(named: str) -> list[str]:
        sent = client.post("/mailings", json={**letter, "recipients_list": named}, key=key).get_json()
        with client.database.begin() as connection:
            scope = Scope(parse_address(letter["from"]).key, "digest")
            suppressions.add(
                connection, ["ann@mail.example"], "unsubscribed", scope=scope, mailing_id=sent["number"]
            )
        lines = client.get(f"/mailings/{sent['id']}/deliveries", key=key).text.splitlines()
        return [json.loads(one)["state"] for one in lines]

    assert states(uid) == ["queued", "queued"]
    others = new_key(client.database, scopes=["send", "read"])
    namesake = made(client, PEOPLE, others, name="Digest")
    if way == "renamed":
        assert client.patch(f"/lists/{uid}", json={"name": "Weekly"}, key=key).status_code == 200
    else:
        uid = client.post("/lists/from-list", json={"name": "Weekly", "list": uid}, key=key).get_json()["id"]
    assert states(uid) == ["suppressed", "queued"]
    client.patch(f"/lists/{namesake}", json={"name": "Alerts"}, key=others)
    with client.database.read() as connection:
        known = suppressions.of_address(connection, "ann@mail.example")
    assert {one.list_name for one in known} == {"digest", "weekly"}, "another program's list changes nothing"
