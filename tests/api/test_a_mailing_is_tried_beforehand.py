"""POST /mailings/preflight: nothing is sent, and all that is odd is told by its row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from dns.resolver import Resolver

from app import create_app
from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.preflight import crew, sender_domain
from mailroom.ledger import suppressions
from mailroom.ledger.mailings import mailings
from mailroom.settings import load
from mailroom.sink import ThreadedSink
from tests.api.conftest import Client, new_key
from tests.name_server import TextServer
from tests.servers import wait_until

LETTER: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News for {{ first_name }}",
    "text": "Hello {{ first_name }}, here is what is new.",
    "recipients": [
        {"address": "ann@mail.example", "variables": {"first_name": "Ann"}},
        {"address": "bob@mail.example", "variables": {"first_name": "Bob"}},
    ],
}


def people(*names: str | None) -> list[dict[str, Any]]:
    return [
        {"address": f"p{at}@mail.example", "variables": {} if name is None else {"first_name": name}}
        for at, name in enumerate(names)
    ]


def tried(client: Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/mailings/preflight", json={**LETTER, **changes})
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json  # type: ignore[assignment]
    return found


def rows(report: dict[str, Any]) -> dict[str, tuple[int, list[int]]]:
    return {one["kind"]: (one["count"], one["rows"]) for one in report["findings"]}


def test_an_honest_mailing_has_no_findings_and_is_not_sent(client: Client) -> None:
    assert tried(client) == {"recipients": 2, "findings": []}
    with client.database.read() as connection:
        assert mailings.page(connection) == []


def test_who_gets_none_and_whose_value_is_empty_is_told_by_row(client: Client) -> None:
    with client.database.begin() as connection:
        suppressions.add(connection, ["gone@mail.example"])
    recipients = [
        {"address": "nobody at all", "variables": {"first_name": "X"}},
        {"address": "Ann <ann@mail.example>", "variables": {"first_name": "Ann"}},
        {"address": "ANN@mail.example", "variables": {"first_name": "Ann"}},
        {"address": "gone@mail.example", "variables": {"first_name": "Gone"}},
        {"address": "bob@mail.example"},
        {"address": "@", "variables": {}},
    ]
    report = tried(client, recipients=recipients)
    assert report["recipients"] == 2
    assert rows(report) == {
        "bad_address": (2, [1, 6]),
        "duplicate": (1, [3]),
        "suppressed": (1, [4]),
        "empty_value": (1, [5]),
    }
    told = {one["kind"]: one["message"] for one in report["findings"]}
    assert (
        "{{ first_name }} is empty for 1 recipient, who reads “Hello , here is what is ne"
        in told["empty_value"]
    )
    assert "nobody at all" in told["bad_address"]


def test_a_misspelt_variable_is_a_finding_here_and_refused_at_send(light_client: Client) -> None:
    report = tried(light_client, text="Hello {{ frist_name }}")
    [finding] = report["findings"]
    assert (finding["kind"], finding["count"], finding["rows"]) == ("unknown_variable", 2, [1, 2])
    assert "{{ first_name }}" in finding["message"]
    sent = light_client.post("/mailings", json={**LETTER, "text": "Hello {{ frist_name }}"})
    assert sent.status_code == 422


def test_liquid_that_cannot_be_read_concerns_everybody_and_that_fails_its_rows(light_client: Client) -> None:
    report = tried(light_client, text="{% if first_name %}Hello")
    assert rows(report) == {"template_error": (2, [1, 2])}
    text = "{% assign n = first_name | size %}{{ 10 | divided_by: n }}"
    report = tried(light_client, text=text, subject="News", recipients=people("Ann", "", "Bob"))
    assert rows(report) == {"template_error": (1, [2])} and report["recipients"] == 2


def test_what_is_the_same_for_all_is_told_once(light_client: Client) -> None:
    report = tried(
        light_client,
        subject="Test",
        html='<p>See the attached file <a href="http://localhost:5000/x">here</a> <img src="https://a.example/b.png">',
        text=None,
        purpose="bulk",
    )
    assert rows(report) == dict.fromkeys(
        (
            *("test_subject", "attachment_missing", "no_unsubscribe_link", "http_link"),
            *("image_without_alt", "no_text"),
        ),
        (2, [1, 2]),
    )


def test_the_same_mistakes_are_refused_as_at_send(light_client: Client) -> None:
    for changes in (
        {"subject": ""},
        {"text": None},
        {"from": "nobody"},
        {"headers": {"From": "x@y.example"}},
    ):
        answer = light_client.post("/mailings/preflight", json={**LETTER, **changes})
        assert answer.status_code == 422, changes
    narrow = new_key(light_client.database, scopes=["send"], senders=["other.example"])
    assert light_client.post("/mailings/preflight", json=LETTER, key=narrow).status_code == 403
    reader = new_key(light_client.database, scopes=["read"])
    assert light_client.post("/mailings/preflight", json=LETTER, key=reader).status_code == 401


def test_many_are_built_beside_this_process(client: Client) -> None:
    """Numbers add up whichever process had a row; the first hundred rows are named."""
    with client.database.begin() as connection:
        suppressions.add(connection, [f"p{at}@mail.example" for at in range(0, 2_500, 10)])
    names = ["" if at % 10 == 5 else "Ann" for at in range(2_500)]
    report = tried(
        client, recipients=people(*names), text="Hello {{ first_name | upcase }}, and {{ unsubscribe_url }}"
    )
    assert report["recipients"] == 2_250
    assert rows(report) == {
        "suppressed": (250, list(range(1, 1_001, 10))),
        "empty_value": (250, list(range(6, 1_006, 10))),
    }


COSTLY = "{% for a in (1..900) %}{% for b in (1..10) %}{{ b | times: a }}{% endfor %}{% endfor %}"


def test_few_that_are_long_are_built_beside_it_too() -> None:
    letter = Content(Address("a@acme.example"), "Hi {{ a }}", "{{ a }}" * 10)
    few = [Recipient(f"p{at}@mail.example", "", {"a": "x"}) for at in range(1_000)]
    assert crew.is_quick(letter, few)
    assert not crew.is_quick(replace(letter, text="{{ a }}" + "x" * 5_000), few)
    assert not crew.is_quick(letter, [one._replace(variables={"a": "x" * 500}) for one in few])
    assert crew.is_quick(letter, [one._replace(variables={"a": "x" * 500}) for one in few[:10]])


def test_what_a_template_wants_and_some_lack_is_told_by_row_as_at_send(light_client: Client) -> None:
    template = {
        "name": "T",
        "subject": "News",
        "text": "Hello {{ first_name }}.{% if vip %} Thank you.{% endif %}",
        "variables": [{"key": "first_name", "fallback_value": "you"}],
    }
    made = light_client.post("/templates", json=template).json
    assert made is not None
    light_client.post(f"/templates/{made['id']}/publish")
    recipients = [
        {"address": "a@mail.example", "variables": {"vip": False}},
        {"address": "b@mail.example", "variables": {"first_name": "B"}},
        {"address": "c@mail.example", "variables": {"vip": ""}},
    ]
    asked = {"from": LETTER["from"], "template": {"id": made["id"]}, "recipients": recipients}
    answer = light_client.post("/mailings/preflight", json=asked)
    assert answer.json is not None and rows(answer.json) == {"unknown_variable": (1, [2])}
    assert "The template wants a value for {{ vip }}" in str(answer.json)
    refused = light_client.post("/mailings", json=asked)
    assert refused.status_code == 422 and "missing for b@mail.example" in refused.text
    asked["recipients"] = [recipients[0], recipients[2]]
    assert light_client.post("/mailings/preflight", json=asked).json == {"recipients": 2, "findings": []}
    assert light_client.post("/mailings", json=asked).status_code == 200


def test_a_letter_that_costs_much_is_given_up_in_time(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SECONDS_FOR_ALL", 2.0)
    began = time.monotonic()
    report = tried(
        light_client,
        recipients=people(*["Ann"] * 3_000),
        text=COSTLY,
        subject="News",
        purpose="transactional",
    )
    assert time.monotonic() - began < 20
    assert rows(report)["template_error"][0] == 3_000 - report["recipients"] > 0
    assert any("takes too long" in one["message"] for one in report["findings"])


def test_one_is_tried_at_a_time_and_others_are_told_to_wait(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailroom.engine.preflight.crew.PATIENCE_FOR_BENCHES", 0.1)
    with crew._benches:
        answer = light_client.post(
            "/mailings/preflight", json={**LETTER, "recipients": people(*["Ann"] * 1_001)}
        )
        assert tried(light_client)["findings"] == []  # a few need no process
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")


def test_a_ledger_that_goes_away_is_no_report(light_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Database) -> None:
        raise RuntimeError("the ledger is away")

    light_client.app.testing = False
    body = {**LETTER, "recipients": people(*["Ann"] * 1_200)}
    key = light_client.key
    with monkeypatch.context() as patch:
        patch.setattr("mailroom.ledger.mailings.insertion.look", away)
        assert light_client.post("/mailings/preflight", json=body, key=key).status_code == 500
    assert light_client.post("/mailings/preflight", json=body, key=key).status_code == 200


Asking = Callable[..., list[str]]


@pytest.fixture
def asking(settings_env: dict[str, str]) -> Asking:
    """The sentences about the sender's domain, as this name server knows it."""

    def ask(server: TextServer, domain: str = "acme.example") -> list[str]:
        client = Client(create_app(load({**settings_env, "MAILROOM_RESOLVER": server.address})))
        report = tried(client, **{"from": f"hello@{domain}"})
        client.database.dispose()
        return [one["message"] for one in report["findings"] if one["kind"] == "sender_domain"]

    return ask


GOOD = {
    "acme.example": ["other=1", "v=spf1 mx -all"],
    "_dmarc.acme.example": ["v=DMARC1; p=none"],
    "key1._domainkey.acme.example": ["v=DKIM1; p=abc"],
}


def test_a_domain_with_all_three_records_is_no_finding(asking: Asking) -> None:
    with TextServer(GOOD) as server:
        assert asking(server) == []
        assert {"acme.example", "_dmarc.acme.example", "_domainkey.acme.example"} <= set(server.asked)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({**GOOD, "acme.example": ["hello"]}, ["no SPF record"]),
        ({**GOOD, "acme.example": ["v=spf1 -all", "v=spf1 mx -all"]}, ["2 SPF records"]),
        ({**GOOD, "acme.example": ["v=spf1 +all"]}, ["lets everybody"]),
        ({**GOOD, "acme.example": ["v=spf1 -all"]}, ["nobody sends"]),
        ({"acme.example": ["v=spf1 mx -all"]}, ["no DKIM key", "no DMARC record"]),
        ({"other.example": ["x"]}, ["not in the DNS"]),
    ],
)
def test_what_a_domain_lacks_is_told(asking: Asking, records: dict[str, list[str]], words: list[str]) -> None:
    with TextServer(records) as server:
        found = asking(server)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_a_subdomain_has_the_policy_of_its_organisation(asking: Asking) -> None:
    records = {
        **GOOD,
        "news.acme.example": ["v=spf1 mx -all"],
        "k._domainkey.news.acme.example": ["v=DKIM1; p=abc"],
    }
    with TextServer(records) as server:
        assert asking(server, "news.acme.example") == []


def test_a_silent_name_server_costs_two_seconds_and_is_no_finding(asking: Asking) -> None:
    with TextServer({}, is_silent=True) as server:
        began = time.monotonic()
        assert asking(server) == []
        assert time.monotonic() - began < 5
        began, asked = time.monotonic(), len(server.asked)
        assert asking(server, "other.example") == []
        assert len(server.asked) == asked, "who was silent is left alone for a while"


def test_a_message_that_the_relay_would_not_take_is_told(settings_env: dict[str, str]) -> None:
    with ThreadedSink(size=2_000_000) as sink:
        client = Client(create_app(load({**settings_env, "MAIL_PORT": str(sink.port)})))
        file = {"filename": "a.bin", "content": "A" * 2_400_000}
        report = tried(client, attachments=[file])
        assert rows(report) == {"too_large": (2, [1, 2])}
        assert "the relay takes 2,000 kB" in report["findings"][0]["message"]
        client.database.dispose()


def test_few_wait_for_their_turn_and_the_others_are_told_at_once(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PATIENCE_FOR_BENCHES", 100.0)  # a busy machine builds them one after the other
    body = {**LETTER, "recipients": people(*["Ann"] * 1_001)}
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(light_client.post("/mailings/preflight", json=body).status_code)

    with crew._benches:
        waiting = [threading.Thread(target=ask) for _ in range(crew.PREFLIGHTS_AT_ONCE)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: not crew._places._value, what="a turn of each")
        ask()
        assert statuses == [429], "those who came before still wait"
    for thread in waiting:
        thread.join()
    assert statuses == [429, *[200] * crew.PREFLIGHTS_AT_ONCE]


def test_a_name_server_that_knows_nothing_of_the_internet_is_not_believed(
    light_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TextServer({"other.lan": ["x"]}) as server:
        ours = Resolver(configure=False)
        host, _, port = server.address.partition(":")
        ours.nameservers, ours.port = [host], int(port)
        monkeypatch.setattr(sender_domain, "Resolver", lambda configure: ours)
        monkeypatch.setattr(sender_domain, "_remembered", {})
        report = tried(light_client, **{"from": "hello@acme.com"})
        assert set(server.asked) == {"com"}
    assert report["findings"] == []
