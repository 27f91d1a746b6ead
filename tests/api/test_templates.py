"""Templates by the API: kept, published, filled, sent with; strict about what is missing, and whose it is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import contents, deliveries, mailings
from mailroom.ledger.templates import stored
from mailroom.ledger.templates import versions as kept
from tests.api.conftest import Client, new_key
from tests.memory import MEBIBYTE, growing_at_most

ORDER: dict[str, Any] = {
    "name": "Order confirmed",
    "alias": "order-confirmed",
    "from": "Acme <hello@acme.example>",
    "subject": "Order {{{ORDER}}}",
    "html": "<p>Thank you, {{{ NAME }}}.</p>",
    "text": "Thank you, {{ NAME }}.",
    "variables": [{"key": "ORDER", "type": "string"}, {"key": "NAME", "fallback_value": "friend"}],
}


def made(client: Client, *, publish: bool = True, key: str | None = None, **changes: Any) -> str:
    answer = client.post("/templates", json={**ORDER, **changes}, key=key)
    assert answer.status_code == 200, answer.get_json()
    uid = str(answer.get_json()["id"])
    if publish:
        assert client.post(f"/templates/{uid}/publish", key=key).status_code == 200
    return uid


def sent(client: Client, template: str, variables: dict[str, Any], **more: Any) -> Any:
    return client.post(
        "/emails",
        json={"to": "ann@mail.example", "template": {"id": template, "variables": variables}, **more},
    )


def test_one_is_made_published_filled_and_sent_with(client: Client) -> None:
    uid = made(client, publish=False)
    shown = client.get(f"/templates/{uid}").get_json()
    assert (shown["status"], shown["from"], shown["has_unpublished_versions"]) == (
        "draft",
        "Acme <hello@acme.example>",
        True,
    )
    assert [(one["key"], one["type"], one["fallback_value"]) for one in shown["variables"]] == [
        ("ORDER", "string", None),
        ("NAME", "string", "friend"),
    ]
    assert "publish it" in sent(client, uid, {"ORDER": "A-1"}).get_json()["message"]
    assert client.post(f"/templates/{uid}/publish").get_json() == {"object": "template", "id": uid}
    assert client.get("/templates/order-confirmed").get_json()["status"] == "published"

    rendered = client.post(f"/templates/{uid}/render", json={"variables": {"ORDER": "A-1", "NAME": "<Ann>"}})
    assert rendered.get_json() == {
        "object": "rendered_template",
        "subject": "Order A-1",
        "html": "<p>Thank you, &lt;Ann&gt;.</p>",
        "text": "Thank you, <Ann>.",
    }
    email = client.get(
        f"/emails/{sent(client, 'order-confirmed', {'ORDER': 'A-1'}).get_json()['id']}"
    ).get_json()
    assert (email["subject"], email["html"], email["text"], email["from"]) == (
        "Order A-1",
        "<p>Thank you, friend.</p>",
        "Thank you, friend.",
        "Acme <hello@acme.example>",
    )


def test_what_is_missing_is_named(light_client: Client) -> None:
    uid = made(light_client)
    for answer in (
        sent(light_client, uid, {"NAME": "Ann"}),
        light_client.post(f"/templates/{uid}/render", json={"variables": {}}),
        light_client.post(
            "/mailings",
            json={"template": {"id": uid}, "recipients": [{"address": "ann@mail.example"}]},
        ),
        light_client.post("/emails/batch", json=[{"to": "ann@mail.example", "template": {"id": uid}}]),
    ):
        assert answer.status_code == 422
        assert "ORDER" in answer.get_json()["message"] and "NAME" not in answer.get_json()["message"]
    with light_client.database.read() as connection:
        assert connection.execute(select(mailings.c.id)).all() == []


def test_an_email_may_say_something_else_itself(light_client: Client) -> None:
    uid = made(light_client)
    own = {"subject": "Mine {{ ORDER }}", "from": "me@acme.example", "reply_to": "you@acme.example"}
    answer = sent(light_client, uid, {}, **own)
    email = light_client.get(f"/emails/{answer.get_json()['id']}").get_json()
    assert (email["subject"], email["from"], email["reply_to"], email["text"]) == (
        "Mine {{ ORDER }}",  # as it was given, like every text of an email
        "me@acme.example",
        ["you@acme.example"],
        "Thank you, friend.",
    )


@pytest.mark.parametrize("lacking", ["from", "subject"])
def test_what_nobody_says_is_missing(light_client: Client, lacking: str) -> None:
    uid = made(light_client, **dict[str, Any]({lacking: None}))
    answer = sent(light_client, uid, {"ORDER": "A-1"})
    assert answer.get_json()["name"] == "missing_required_field" and lacking in answer.get_json()["message"]
    assert sent(light_client, uid, {"ORDER": "1"}, **{lacking: "me@acme.example"}).status_code == 200


def test_a_mailing_is_filled_from_each_recipient_first(client: Client) -> None:
    uid = made(client)
    people = [
        {"address": "ann@mail.example", "variables": {"ORDER": "A-1", "NAME": "Ann"}},
        {"address": "bob@mail.example", "variables": {"NAME": ""}},
    ]
    body: dict[str, Any] = {"template": {"id": uid, "variables": {"ORDER": "all"}}, "recipients": people}
    assert client.post("/mailings", json=body).status_code == 200
    with client.database.read() as connection:
        texts = connection.execute(select(contents.c.text, contents.c.html)).one()
        values = connection.execute(select(deliveries.c.variables).order_by(deliveries.c.id)).scalars().all()
    assert tuple(texts) == ("Thank you, {{ NAME }}.", "<p>Thank you, {{{ NAME }}}.</p>")
    assert [{key: given[key] for key in ("ORDER", "NAME")} for given in values] == [
        {"ORDER": "A-1", "NAME": "Ann"},
        {"ORDER": "all", "NAME": "friend"},
    ]
    del body["template"]["variables"]
    refused = client.post("/mailings", json=body)
    assert refused.status_code == 422 and "bob@mail.example" in refused.get_json()["message"]


def test_what_is_sent_stays_as_it_was_published_until_it_is_again(client: Client) -> None:
    uid = made(client)
    changed = {"subject": "Changed {{ ORDER }}", "name": "Other", "alias": None}
    assert client.patch(f"/templates/{uid}", json=changed).get_json() == {"object": "template", "id": uid}
    values = {"variables": {"ORDER": "1"}}

    def rendered(**version: str) -> str:
        return str(client.post(f"/templates/{uid}/render", json={**values, **version}).get_json()["subject"])

    assert (rendered(), rendered(version="draft")) == ("Order 1", "Changed 1")
    shown = client.get(f"/templates/{uid}").get_json()
    assert (shown["subject"], shown["has_unpublished_versions"], shown["alias"], shown["html"]) == (
        "Changed {{ ORDER }}",
        True,
        None,
        ORDER["html"],
    )
    first = sent(client, uid, {"ORDER": "1"}).get_json()["id"]
    assert client.get("/templates/order-confirmed").status_code == 404
    for _ in range(2):  # the second time nothing is new
        client.post(f"/templates/{uid}/publish")
    assert rendered() == "Changed 1"
    with client.database.read() as connection:
        found = stored.find(connection, uid)
        assert found is not None
        numbers = [one.number for one in kept.versions_of(connection, found.id)]
        said = [kept.version(connection, found.id, number) for number in numbers]
        assert [one and (one.number, one.letter["subject"]) for one in said] == [
            (2, "Changed {{ ORDER }}"),
            (1, "Order {{{ORDER}}}"),
        ]
    assert client.get(f"/emails/{first}").get_json()["subject"] == "Order 1"

    assert client.open("DELETE", f"/templates/{uid}").get_json() == {
        "object": "template",
        "id": uid,
        "deleted": True,
    }
    assert client.get(f"/templates/{uid}").status_code == 404
    assert sent(client, uid, {"ORDER": "1"}).status_code == 404
    assert client.get(f"/emails/{first}").get_json()["subject"] == "Order 1"


def test_one_of_a_batch_is_refused_alone(light_client: Client) -> None:
    uid = made(light_client)
    emails = [
        {"to": "ann@mail.example", "template": {"id": uid, "variables": {"ORDER": number}}}
        for number in (1, 2)
    ]
    emails += [{"to": "ann@mail.example", "template": {"id": named}} for named in (uid, str(uuid4()))]
    answer = light_client.post("/emails/batch", json=emails, headers={"x-batch-validation": "permissive"})
    assert len(answer.get_json()["data"]) == 2
    told = {error["index"]: error["message"] for error in answer.get_json()["errors"]}
    assert "ORDER" in told[2] and told[3] == "Template not found."


def test_pages_follow_each_other(light_client: Client) -> None:
    made_ids = [made(light_client, publish=False, alias=None) for _ in range(5)]
    first = light_client.get("/templates?limit=2").get_json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == ([made_ids[4], made_ids[3]], True)
    after = light_client.get(f"/templates?limit=3&after={made_ids[3]}").get_json()
    assert ([one["id"] for one in after["data"]], after["has_more"]) == (made_ids[2::-1], False)
    before = light_client.get(f"/templates?limit=2&before={made_ids[1]}").get_json()
    assert ([one["id"] for one in before["data"]], before["has_more"]) == ([made_ids[3], made_ids[2]], True)


def test_what_people_made_programs_use_and_do_not_change(light_client: Client) -> None:
    letter = {
        "sender": "a@acme.example",
        "reply_to": [],
        "subject": "Hi",
        "html": "",
        "text": "Hi",
        "variables": [],
    }
    with light_client.database.begin() as connection:
        uid = stored.add(connection, "Of people", letter, alias="greeting")
        found = stored.find(connection, uid)
        assert found is not None
        kept.publish(connection, found)
    key = new_key(light_client.database, scopes=["send", "read"])
    assert light_client.get("/templates", key=key).get_json()["data"][0]["id"] == uid
    body = {"to": "ann@mail.example", "template": {"id": "greeting"}}
    assert light_client.post("/emails", json=body, key=key).status_code == 200
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/publish")):
        json = {"name": "Mine"} if method == "PATCH" else None
        assert light_client.open(method, f"/templates/{uid}{path}", json=json, key=key).status_code == 403
    copy = light_client.post(f"/templates/{uid}/duplicate", key=key).get_json()["id"]
    assert light_client.patch(f"/templates/{copy}", json={"name": "Mine"}, key=key).status_code == 200
    assert light_client.patch(f"/templates/{uid}", json={"name": "Admin's"}).status_code == 200


def test_an_alias_means_the_programs_own_template(light_client: Client) -> None:
    keys = [new_key(light_client.database, scopes=["send", "read"]) for _ in range(2)]
    uids = [made(light_client, key=key) for key in keys]
    for key, uid in zip(keys, uids, strict=True):
        assert light_client.get("/templates/order-confirmed", key=key).get_json()["id"] == uid
    taken = light_client.post("/templates", json=ORDER, key=keys[0])
    assert (taken.status_code, "alias" in taken.get_json()["message"]) == (409, True)
    other = made(light_client, key=keys[0], alias=None)
    assert (
        light_client.patch(f"/templates/{other}", json={"alias": "order-confirmed"}, key=keys[0]).status_code
        == 409
    )


def test_a_key_that_is_bound_to_senders_stays_so(light_client: Client) -> None:
    key = new_key(light_client.database, scopes=["send", "read"], senders=["acme.example"])
    uid = made(light_client, key=key, **dict[str, Any]({"from": "boss@other.example"}))
    body = {"to": "ann@mail.example", "template": {"id": uid, "variables": {"ORDER": "1"}}}
    assert light_client.post("/emails", json=body, key=key).status_code == 403
    assert light_client.post("/emails", json={**body, "from": "a@acme.example"}, key=key).status_code == 200


def test_bulk_mail_has_its_link_where_the_template_has_the_tag(light_client: Client) -> None:
    uid = made(light_client, text="Leave: {{{ unsubscribe_url }}}", html=None)
    refused = sent(light_client, uid, {"ORDER": "1"})
    assert "unsubscribe_url" in refused.get_json()["message"]
    answer = sent(light_client, uid, {"ORDER": "1"}, purpose="bulk")
    assert answer.status_code == 200
    email = light_client.get(f"/emails/{answer.get_json()['id']}").get_json()
    assert email["text"] == "Leave: {{ unsubscribe_url }}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"html": "{{ a |"}, "`html`"),
        ({"subject": "a\nb"}, "`subject`"),
        ({"name": " "}, "`name`"),
        ({"alias": "with space"}, "`alias`"),
        ({"variables": [{"key": "A B"}]}, "`variables[0].key`"),
        ({"variables": [{"key": "A", "type": "number", "fallback_value": "x"}]}, "`variables`"),
        ({"variables": [{"key": "A", "type": "list"}]}, "`variables[0].type`"),
        ({"variables": [{"key": f"A{number}"} for number in range(51)]}, "`variables`"),
        ({"from": "nobody"}, "`from`"),
        ({"reply": "a@acme.example"}, "`reply`"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_field(
    light_client: Client, changes: dict[str, Any], field: str
) -> None:
    answer = light_client.post("/templates", json={**ORDER, **changes})
    assert answer.status_code == 422 and answer.get_json()["message"].startswith(field)


@pytest.mark.parametrize("named", ["%00", "a" * 101, "../emails", "%F0%9F%98%80", "x'--"])
def test_a_name_that_cannot_be_one_is_not_found(light_client: Client, named: str) -> None:
    assert light_client.get(f"/templates/{named}").status_code == 404


def test_common_values_take_no_more_room_than_there_is(light_client: Client) -> None:
    uid = made(light_client)
    people = [{"address": f"p{number}@mail.example"} for number in range(7_000)]
    use = {"id": uid, "variables": {"ORDER": "x" * 10_000}}
    answer = light_client.post("/mailings", json={"template": use, "recipients": people})
    assert answer.status_code == 422 and "too long for so many" in answer.get_json()["message"]


def test_a_batch_is_not_filled_to_hundreds_of_megabytes(light_client: Client) -> None:
    """Of ten kilobytes: each names a template of a megabyte, and a single emoji makes it four."""
    uid = made(light_client, subject="Hello", text="", html="x" * 1_000_000 + "{{ NAME }}\N{PARTY POPPER}")
    emails = [{"to": "ann@mail.example", "template": {"id": uid}}] * 100
    with growing_at_most(150 * MEBIBYTE):
        answer = light_client.post("/emails/batch", json=emails)
    assert answer.status_code == 422 and "too long for one request" in answer.get_json()["message"]
    assert light_client.post("/emails/batch", json=emails[:5]).status_code == 200


def test_nor_is_one_of_letters_in_markdown_converted_to_that(light_client: Client) -> None:
    """9 kB become 7 MB of HTML, and as much text: an address that is written once stands in each link."""
    letter = f"[a]: http://acme.example/{'x' * 5_000}\n\n{'[a] ' * 700}"
    email = {"from": "hello@acme.example", "to": "ann@mail.example", "subject": "Hello", "markdown": letter}
    with growing_at_most(200 * MEBIBYTE):
        answer = light_client.post("/emails/batch", json=[email] * 100)
    assert answer.status_code == 422 and "too long for one request" in answer.get_json()["message"]
    assert light_client.post("/emails", json=email).status_code == 200


def test_filling_a_batch_takes_no_more_work_than_there_is(light_client: Client) -> None:
    loop = "{% for i in (1..4000) %}{{ ORDER | upcase | downcase }}{% endfor %}"
    uid = made(light_client, html=loop, text=loop, subject="Hi")
    emails = [{"to": "ann@mail.example", "template": {"id": uid, "variables": {"ORDER": "1"}}}] * 100
    answer = light_client.post("/emails/batch", json=emails)
    assert answer.status_code == 422 and "more work than one request" in answer.get_json()["message"]


def test_a_mailing_with_a_template_is_tried_beforehand(light_client: Client) -> None:
    uid = made(light_client)
    people = [{"address": "ann@mail.example", "variables": {"ORDER": "1"}}, {"address": "nobody"}]
    body = {"template": {"id": uid}, "recipients": people}
    report = light_client.post("/mailings/preflight", json=body).get_json()
    assert report["recipients"] == 1 and "bad_address" in {one["kind"] for one in report["findings"]}
    body["recipients"] = [{"address": "ann@mail.example"}]
    kinds = {
        one["kind"] for one in light_client.post("/mailings/preflight", json=body).get_json()["findings"]
    }
    assert "unknown_variable" in kinds
    nobodys = {"template": {"id": str(uuid4())}, "recipients": people}
    assert light_client.post("/mailings/preflight", json=nobodys).status_code == 404
