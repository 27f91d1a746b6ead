"""Every operation of the API, tried on mail of another program: it is not there.

The operations are read from the application's own map of addresses, so that a new one is tried too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import deliveries, drafts, list_members, lists, mailings, repeats, templates
from mailroom.web.api.requests.examples import EXAMPLE_MAILING
from tests.api.conftest import EMAIL, Client, new_key
from tests.ledger.book import CONTENT

SECRET = "Salaries of March"
TELLING = (SECRET, "payroll@acme.example", "cleo@mail.example", "dora@mail.example")
BODIES: dict[str, Any] = {"PATCH": {"scheduled_at": "in 1 minute"}}
OF_TEMPLATES: dict[str, Any] = {"PATCH": {"name": "Mine"}, "POST": {"variables": {}}}
"""By method: what is asked of an email or mailing, and of a template."""
OF_LISTS: dict[str, Any] = {
    "recipients": {"address": "eve@mail.example"},
    "remove": {"addresses": ["eve@mail.example"]},
    "import": [{"address": "eve@mail.example"}],
}
"""By the end of the path; and what follows it in its address."""
QUERIES = {"history": "?address=cleo@mail.example"}
OF_REPEATS: dict[str, Any] = {"PATCH": {"rule": "daily 10:00"}}
"""By method: what is asked of a repeat."""
BESIDE_THE_LEDGER = {"api.openapi", "api.docs_page", "api.unknown"}
"""Endpoints that show nothing of the ledger."""


def rules(app: Flask, *, with_id: bool) -> list[tuple[str, Rule]]:
    """(method, rule) of what the API serves."""
    found = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    served = [rule for rule in found if rule.endpoint not in BESIDE_THE_LEDGER]
    tried = [
        (method, rule) for rule in served if bool(rule.arguments) == with_id for method in rule.methods or ()
    ]
    return sorted(tried, key=lambda one: one[0] == "DELETE")  # after which there is nothing left to try


def body_of(method: str, rule: Rule) -> Any:
    if "/lists/" in rule.rule:
        return {"name": "Mine"} if method == "PATCH" else OF_LISTS.get(rule.rule.rpartition("/")[2])
    if "/repeats/" in rule.rule:
        return OF_REPEATS.get(method)
    return (OF_TEMPLATES if "/templates/" in rule.rule else BODIES).get(method)


def path_of(rule: Rule, uid: str) -> str:
    """Fails for an id of another kind: then this file has to learn how to try it."""
    assert rule.arguments == {"id"} and "<named:id>" in rule.rule, f"{rule.rule} is not tried here"
    path = rule.rule.removeprefix("/api/v1").replace("<named:id>", uid)
    return path + QUERIES.get(path.rpartition("/")[2], "")


class Payroll:
    """Another program's mail: an email and a mailing that wait for their time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.key = new_key(client.database, scopes=["send", "read"])
        letter = {"from": "payroll@acme.example", "subject": SECRET, "scheduled_at": "in 2 days"}
        people = [{"address": "cleo@mail.example"}, {"address": "dora@mail.example"}]
        self.email = self._send("/emails", {**EMAIL, **letter, "to": ["cleo@mail.example"]})
        self.mailing = self._send(
            "/mailings", {**EXAMPLE_MAILING, **letter, "text": "Hi", "recipients": people}
        )
        repeat = {**EXAMPLE_MAILING, **letter, "text": "Hi", "recipients": people}
        self.repeat = self._send("/repeats", {**repeat, "rule": "weekly mon 09:00", "zone": "UTC"})
        text = {"text": "Hi", "from": letter["from"], "subject": SECRET}
        self.draft = self._send("/drafts", {**text, "recipients": people})
        self.template = self._send("/templates", {"name": SECRET, "alias": "payroll", "text": "Hi"})
        self.list = self._send("/lists", {"name": SECRET})
        client.post(f"/lists/{self.list}/import", json=people, key=self.key)

    @property
    def names(self) -> tuple[str, ...]:
        return self.email, self.mailing, self.template, self.list, self.repeat, self.draft

    def _send(self, path: str, body: dict[str, Any]) -> str:
        answer = self.client.post(path, json=body, key=self.key)
        assert answer.status_code == 200, answer.get_json()
        return str(answer.get_json()["id"])

    def of(self, rule: Rule) -> str:
        if "/templates/" in rule.rule:
            return self.template
        if "/lists/" in rule.rule:
            return self.list
        if "/repeats/" in rule.rule:
            return self.repeat
        if "/drafts/" in rule.rule:
            return self.draft
        return self.email if "/emails/" in rule.rule else self.mailing

    def rows(self) -> list[Any]:
        with self.client.database.read() as connection:
            tables = (mailings, deliveries, templates, lists, list_members, repeats, drafts)
            return [connection.execute(select(table).order_by(table.c.id)).all() for table in tables]


@pytest.fixture
def payroll(client: Client) -> Payroll:
    return Payroll(client)


def said(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer but the count of requests."""
    counts = ("ratelimit-remaining", "ratelimit-reset")
    return answer.status_code, answer.data, [pair for pair in answer.headers if pair[0] not in counts]


@pytest.mark.parametrize("bound", [[], ["news@acme.example"], ["acme.example"]], ids=str)
def test_anothers_mail_is_as_if_it_were_not_there(client: Client, payroll: Payroll, bound: list[str]) -> None:
    key = new_key(client.database, scopes=["send", "read"], senders=bound)
    before, tried = payroll.rows(), rules(client.app, with_id=True)
    assert len(tried) >= 15
    for method, rule in tried:
        theirs, nobodys = (
            client.open(method, path_of(rule, uid), key=key, json=body_of(method, rule))
            for uid in (payroll.of(rule), str(uuid4()))
        )
        assert theirs.status_code == 404, (method, rule)
        assert said(theirs) == said(nobodys)
    assert payroll.rows() == before


@pytest.mark.parametrize("scope", ["send", "read"])
@pytest.mark.parametrize("bound", [[], ["payroll@acme.example"]], ids=str)
def test_with_one_scope_anothers_mail_is_not_there_either(
    client: Client, payroll: Payroll, scope: str, bound: list[str]
) -> None:
    """What the key may not do at all is refused by its scope, whether the thing is there or not."""
    key = new_key(client.database, scopes=[scope], senders=bound)
    before, found = payroll.rows(), set()
    for method, rule in rules(client.app, with_id=True):
        theirs, nobodys = (
            client.open(method, path_of(rule, uid), key=key, json=body_of(method, rule))
            for uid in (payroll.of(rule), str(uuid4()))
        )
        assert theirs.status_code in (401, 404), (method, rule)
        assert said(theirs) == said(nobodys)
        found.add(theirs.status_code)
    assert payroll.rows() == before and found == {401, 404}


def test_lists_leave_anothers_mail_out(client: Client, payroll: Payroll) -> None:
    key = new_key(client.database, scopes=["send", "read"])
    mine = client.post("/emails", json=EMAIL, key=key)
    for method, rule in rules(client.app, with_id=False):
        if method != "GET":
            continue
        text = client.get(rule.rule.removeprefix("/api/v1"), key=key).text
        assert not any(word in text for word in (*TELLING, *payroll.names)), rule
    listed = client.get("/emails", key=key).get_json()["data"]
    assert [one["id"] for one in listed] == [mine.get_json()["id"]]


def test_anothers_template_sends_nothing_by_id_or_alias(client: Client, payroll: Payroll) -> None:
    client.post(f"/templates/{payroll.template}/publish", key=payroll.key)
    key, before = new_key(client.database, scopes=["send", "read"]), payroll.rows()
    for named in (payroll.template, "payroll"):
        use = {"template": {"id": named}, "from": "me@acme.example", "subject": "Mine"}
        nobodys = {**use, "template": {"id": str(uuid4())}}
        people = [{"address": "ann@mail.example"}]
        for path, to in (("/emails", {"to": "ann@mail.example"}), ("/mailings", {"recipients": people})):
            answers = [client.post(path, json={**body, **to}, key=key) for body in (use, nobodys)]
            assert answers[0].status_code == 404 and said(answers[0]) == said(answers[1])
    assert payroll.rows() == before


@pytest.mark.parametrize("place", ["after", "before"])
def test_anothers_email_is_no_place_in_a_list(client: Client, payroll: Payroll, place: str) -> None:
    key = new_key(client.database, scopes=["read"])
    theirs, nobodys = (client.get(f"/emails?{place}={uid}", key=key) for uid in (payroll.email, str(uuid4())))
    assert theirs.status_code == 404 and said(theirs) == said(nobodys)


def test_the_metrics_hold_figures_only(client: Client, payroll: Payroll) -> None:
    key = new_key(client.database, scopes=["read"])
    answer = client.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200 and not any(word in answer.text for word in TELLING)


@pytest.mark.parametrize("who", ["its own key", "an admin key"])
def test_its_own_key_and_an_admin_key_reach_everything(client: Client, payroll: Payroll, who: str) -> None:
    key = payroll.key if who == "its own key" else client.key
    for method, rule in rules(client.app, with_id=True):
        answer = client.open(method, path_of(rule, payroll.of(rule)), key=key, json=body_of(method, rule))
        assert answer.status_code in (200, 409), (method, rule)
    assert payroll.email in client.get("/emails", key=key).text


def test_an_idempotency_key_tells_nothing_of_anothers_mail(client: Client) -> None:
    first, second = (new_key(client.database, scopes=["send"]) for _ in range(2))
    again = {"Idempotency-Key": "welcome/1"}
    theirs = client.post("/emails", json=EMAIL, headers=again, key=first)
    mine = client.post("/emails", json={**EMAIL, "subject": "Mine"}, headers=again, key=second)
    assert (mine.status_code, "Idempotent-Replayed" in mine.headers) == (200, False)
    assert mine.get_json()["id"] != theirs.get_json()["id"]


def test_what_people_and_commands_sent_is_for_admin_keys_only(client: Client) -> None:
    queue = client.app.extensions["mailroom"].queue
    accepted = accept(client.database, queue, Submission(CONTENT, [Recipient("ann@mail.example")]))
    key = new_key(client.database, scopes=["send", "read"])
    assert client.get(f"/mailings/{accepted.uid}", key=key).status_code == 404
    assert client.get(f"/mailings/{accepted.uid}").status_code == 200


def test_keys_that_share_reach_each_others_mail(client: Client, payroll: Payroll) -> None:
    with client.database.read() as connection:
        first = api_keys.find(connection, payroll.key)
    assert first is not None
    reader = new_key(client.database, scopes=["read"], shares_with=first.id)
    with client.database.read() as connection:
        known = api_keys.find(connection, reader)
    assert known is not None
    successor = new_key(client.database, scopes=["send"], shares_with=known.id)  # of one that joined
    with client.database.begin() as connection:
        api_keys.revoke(connection, first.id)

    assert client.get(f"/emails/{payroll.email}", key=reader).status_code == 200
    assert client.post(f"/mailings/{payroll.mailing}/pause", key=successor).status_code == 200
    sent = client.post("/emails", json=EMAIL, key=successor).get_json()["id"]
    assert client.get(f"/emails/{sent}", key=reader).status_code == 200
    assert client.get(f"/emails/{payroll.email}", key=payroll.key).status_code == 403


def test_a_successor_repeats_no_mail(client: Client) -> None:
    old = new_key(client.database, scopes=["send"])
    with client.database.read() as connection:
        found = api_keys.find(connection, old)
    assert found is not None
    new = new_key(client.database, scopes=["send"], shares_with=found.id)
    answers = [
        client.post("/emails", json=EMAIL, headers={"Idempotency-Key": "1"}, key=key) for key in (old, new)
    ]
    assert answers[0].get_json() == answers[1].get_json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_a_download_breaks_off_when_its_key_ends(client: Client, make_key: Callable[..., str]) -> None:
    key = make_key(scopes=["send", "read"])
    people = [{"address": f"p{number}@mail.example"} for number in range(2_500)]
    body = {**EXAMPLE_MAILING, "text": "Hi", "subject": "Hello", "recipients": people}
    uid = client.post("/mailings", json=body, key=key).get_json()["id"]
    answer = client.open("GET", f"/mailings/{uid}/deliveries", key=key, buffered=False)
    chunks = iter(answer.response)
    first = next(chunks)
    assert isinstance(first, bytes) and first.count(b"\n") == 1_000
    with client.database.begin() as connection:
        found = api_keys.find(connection, key)
        assert found is not None
        api_keys.revoke(connection, found.id)
    with pytest.raises(Exception, match="Mailing not found"):
        list(chunks)
