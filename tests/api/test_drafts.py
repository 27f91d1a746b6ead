"""Drafts by the API: a program prepares one, and a person or a program sends it, once."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sqlalchemy import select

from mailroom.content.lists.newcomers import Newcomer
from mailroom.engine.lists import importing
from mailroom.ledger.drafts import stored
from mailroom.ledger.drafts.kept_fields import KeptFields
from mailroom.ledger.drafts.stored import Writing
from mailroom.ledger.lists import kept
from mailroom.ledger.schema import deliveries, mailings
from mailroom.web.api.requests.examples import EXAMPLE_MAILING
from tests.api.conftest import Client, new_key
from tests.web import watching

ATTACHED = b"%PDF" * 50_000
DRAFT: dict[str, Any] = {
    "name": "Spring",
    "from": "Acme <hello@acme.example>",
    "reply_to": ["help@acme.example"],
    "subject": "News for {{ first_name }}",
    "text": "Dear {{ first_name }}",
    "recipients": [
        {"address": "ann@example.org", "name": "Ann Lee", "variables": {"first_name": "Ann"}},
        {"address": "bob@example.org", "variables": {"first_name": "=Bob"}},
    ],
    "attachments": [{"filename": "a.pdf", "content": b64encode(ATTACHED).decode()}],
    "purpose": "transactional",
    "undo": 30,
    "canary": 1,
    "canary_wait": 120,
    "sending_hours": {"days": ["mon"], "from": "09:00", "to": "17:00", "zone": "Europe/Berlin"},
}


def made(client: Client, **changes: Any) -> str:
    answer = client.post("/drafts", json={**DRAFT, **changes})
    assert answer.status_code == 200, answer.get_json()
    return str(answer.get_json()["id"])


def rows(client: Client) -> list[tuple[Any, ...]]:
    with client.database.read() as connection:
        query = select(mailings.c.subject, deliveries.c.address, deliveries.c.name, deliveries.c.variables)
        joined = query.join(deliveries, deliveries.c.mailing_id == mailings.c.id).order_by(deliveries.c.id)
        return [tuple(row) for row in connection.execute(joined)]


def test_it_is_prepared_changed_looked_at_and_sent_once(client: Client) -> None:
    uid = made(client, canary=None, canary_wait=None)
    change = {"subject": "Hello {{ first_name }}", "revision": 1}
    assert client.patch(f"/drafts/{uid}", json=change).get_json()["revision"] == 2
    late = client.patch(f"/drafts/{uid}", json={**change, "subject": "Other"})
    assert late.status_code == 409 and "changed since" in late.get_json()["message"]
    found = client.get(f"/drafts/{uid}").get_json()
    assert found["from"] == DRAFT["from"] and found["subject"] == "Hello {{ first_name }}"
    assert found["attachments"] == [
        {"filename": "a.pdf", "content_type": "application/pdf", "size": len(ATTACHED)}
    ]
    assert (found["recipients"], found["mailing_id"], found["path"]) == (2, None, f"/drafts/{uid}")
    [listed] = client.get("/drafts").get_json()["data"]
    assert (listed["id"], listed["name"]) == (uid, "Spring")
    sent = client.post(f"/drafts/{uid}/send")
    assert sent.status_code == 200, sent.get_json()
    again = client.post(f"/drafts/{uid}/send")
    assert again.get_json() == sent.get_json() and again.headers["Idempotent-Replayed"] == "true"
    assert rows(client) == [
        ("Hello {{ first_name }}", "ann@example.org", "Ann Lee", {"first_name": "Ann"}),
        ("Hello {{ first_name }}", "bob@example.org", "", {"first_name": "=Bob"}),
    ]
    with client.database.read() as connection:
        number = connection.execute(select(mailings.c.id)).scalar_one()
        [file] = watching.files_of(connection, number)
    assert file.data == ATTACHED
    assert client.get(f"/drafts/{uid}").get_json()["mailing_id"] == sent.get_json()["id"]
    assert client.get("/drafts").get_json()["data"] == []
    assert client.patch(f"/drafts/{uid}", json={"subject": "Late"}).status_code == 409
    assert client.open("DELETE", f"/drafts/{uid}").get_json()["deleted"]
    assert client.get(f"/drafts/{uid}").status_code == 404 and len(rows(client)) == 2


def test_a_person_goes_on_with_what_a_program_prepared(client: Client) -> None:
    uid = made(client)
    person = watching.signed_in(client.app, "ann@example.org")
    assert "Spring" in person.get("/drafts").text and "a program" in person.get("/drafts").text
    page = person.get(f"/drafts/{uid}").text
    assert 'value="News for {{ first_name }}"' in page and "a.pdf" in page and "2 recipients, kept" in page
    assert 'value="30"' in page and "Mon 09:00-17:00 Europe/Berlin" in page


def test_what_cannot_be_sent_is_said_with_its_field(client: Client) -> None:
    uid = str(client.post("/drafts", json={"subject": "Nothing yet"}).get_json()["id"])
    answer = client.post(f"/drafts/{uid}/send")
    assert answer.status_code == 422, answer.get_json()
    assert "`from`: Say who the mail is from." in answer.get_json()["message"]
    misspelt = made(client, text="Dear {{ frist_name }}")
    answer = client.post(f"/drafts/{misspelt}/send")
    assert answer.status_code == 422 and "first_name" in answer.get_json()["message"]
    assert rows(client) == []


def test_a_bound_key_sends_from_its_senders_only(client: Client) -> None:
    key = new_key(client.database, scopes=["send"], senders=["other.example"])
    uid = client.post("/drafts", json=DRAFT, key=key).get_json()["id"]
    assert client.post(f"/drafts/{uid}/send", key=key).status_code == 403
    reader = new_key(client.database, scopes=["read"])
    assert client.post("/drafts", json=DRAFT, key=reader).status_code == 401
    assert rows(client) == []


def test_anothers_template_says_nothing_in_a_draft(client: Client) -> None:
    theirs = new_key(client.database, scopes=["send"])
    letter = {"name": "Secret", "alias": "payroll", "subject": "S", "text": "Salaries of March"}
    template = client.post("/templates", json=letter, key=theirs).get_json()["id"]
    client.post(f"/templates/{template}/publish", key=theirs)
    mine = new_key(client.database, scopes=["send"])
    bare = {"from": "a@acme.example", "recipients": [{"address": "ann@example.org"}]}
    for named in (template, "payroll"):
        assert client.post("/drafts", json={**bare, "template": named}, key=mine).status_code == 404
        uid = client.post("/drafts", json=bare, key=mine).get_json()["id"]
        assert client.patch(f"/drafts/{uid}", json={"template": named}, key=mine).status_code == 404
    uid = client.post("/drafts", json={**bare, "template": "payroll"}, key=theirs).get_json()["id"]
    assert client.post(f"/drafts/{uid}/send", key=theirs).status_code == 200


def written_by_a_person(client: Client, uid: str, **fields: str) -> None:
    """What stands in the draft's form, and these."""
    with client.database.begin() as connection:
        draft = stored.find(connection, uid, to_change=True)
        assert draft is not None
        said = [*((name, value) for name, value in draft.form.fields if name not in fields), *fields.items()]
        stored.change(connection, draft, Writing(KeptFields(tuple(said), draft.form.files)), revision=None)


def test_a_key_sends_to_no_list_that_it_does_not_reach_though_a_person_chose_it(client: Client) -> None:
    with client.database.begin() as connection:
        people = kept.add(connection, "Board", "board")
        importing.put(connection, people, Newcomer("cy@example.org", "Cy", {}))
    key = new_key(client.database, scopes=["send", "read"])
    bare = {"from": "a@acme.example", "subject": "News", "text": "Hello"}
    for named in (people.uid, "board"):
        uid = client.post("/drafts", json=bare, key=key).get_json()["id"]
        written_by_a_person(client, uid, recipients_list=named, purpose="transactional")
        assert client.post(f"/drafts/{uid}/send", key=key).status_code == 404
        assert rows(client) == []
    with client.database.begin() as connection:
        kept.change(connection, people, is_shared=True)
    assert client.post(f"/drafts/{uid}/send", key=key).get_json()["total"] == 1


def test_what_is_to_repeat_is_not_sent_at_once(client: Client) -> None:
    uid = made(client)
    written_by_a_person(client, uid, repeat="weekly mon 9:00", time_zone="Europe/Berlin")
    answer = client.post(f"/drafts/{uid}/send")
    assert answer.status_code == 422 and "`repeat`" in answer.get_json()["message"]
    done = client.app.test_cli_runner().invoke(args=("drafts", "send", uid))
    assert done.exit_code != 0 and "repeat: " in done.output
    assert rows(client) == []


def test_many_recipients_and_pages_of_drafts(client: Client) -> None:
    many = [{"address": f"p{number}@example.org"} for number in range(2_500)]
    plain = {"recipients": many, "subject": "News", "text": "Hello", "canary": None}
    last = [made(client, **plain, name=str(number)) for number in range(3)]
    first = client.get("/drafts?limit=2").get_json()
    assert [one["id"] for one in first["data"]] == [last[2], last[1]] and first["has_more"]
    rest = client.get(f"/drafts?limit=2&after={last[1]}").get_json()
    assert [one["id"] for one in rest["data"]] == [last[0]] and not rest["has_more"]
    sent = client.post(f"/drafts/{last[0]}/send").get_json()
    assert sent["total"] == 2_500


def test_a_truth_is_no_number(client: Client) -> None:
    uid = made(client)
    for path, sent in (
        ("/drafts", {}),
        (f"/drafts/{uid}", {"revision": True}),
        ("/mailings", EXAMPLE_MAILING),
    ):
        for field in ("undo", "canary_wait", "revision") if "revision" in sent else ("undo", "canary_wait"):
            body = {**sent, field: False}
            answer = client.open("PATCH" if uid in path else "POST", path, json=body)
            assert answer.status_code == 422, (path, field)
            assert f"`{field}`: This must be a whole number." in answer.get_json()["message"]
