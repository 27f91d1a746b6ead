"""What somebody tries by the API who holds a key that may send as hello@acme.example, and as nobody else.

Every operation with an id is tried in tests/api/test_a_key_reaches_its_own_mail.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from mailroom.ledger.people import api_keys
from mailroom.web.api.requests.examples import EXAMPLE_MAILING
from tests.api import conftest
from tests.api.conftest import EMAIL, Client, new_key

light_client = conftest.light_client

MINE = "hello@acme.example"

ANOTHER_AUTHOR = {
    "another address": "ceo@victim.example",
    "a name that is encoded, and holds one": f"Boss <boss@bank.example>, é <{MINE}>",
    "the same in quotes": f'"Boss <boss@bank.example>, é" <{MINE}>',
    "an encoded address for a name": f"boss@bank.example é <{MINE}>",
    "blanks and comments around the @": f'"é boss @ (x) bank . example," <{MINE}>',
    "quotes in quotes": f'"x\\" <boss@bank.example>, \\"" <{MINE}>',
    "two": f"{MINE}, ceo@victim.example",
    "an address as the name of another": f"ceo@victim.example, <{MINE}>",
    "a route": f"<@victim.example:{MINE}>",
    "a line break": f"Ann\r\nSender: ceo@victim.example <{MINE}>",
}

ANOTHER_HEADER = [
    *("From", "Sender", "sender", "Resent-From", "Resent-Sender", "Author", "Bcc", "Return-Path", "Received"),
    *("DKIM-Signature", "DomainKey-Signature", "ARC-Seal", "Authentication-Results", "Received-SPF"),
    *("X-Note: a\r\nSender", "X-Note\n", "Sender ", "Sender\t", "Sénder", ""),
]

ANOTHERS_MAIL: dict[str, tuple[str, str, Any]] = {
    "stop payroll's mailing": ("POST", "/mailings/{mailing}/pause", None),
    "let it go": ("POST", "/mailings/{mailing}/resume", None),
    "end it": ("POST", "/mailings/{mailing}/cancel", None),
    "end an email": ("POST", "/emails/{email}/cancel", None),
    "move it forward": ("PATCH", "/emails/{email}", {"scheduled_at": "2020-01-01T00:00:00Z"}),
    "read it": ("GET", "/emails/{email}", None),
    "read it as a mailing": ("GET", "/mailings/{email}", None),
    "read its subject": ("GET", "/mailings/{mailing}", None),
    "who got it": ("GET", "/mailings/{mailing}/deliveries", None),
    "who got it, as a table": ("GET", "/mailings/{mailing}/deliveries?format=csv", None),
    "who got it, by state": ("GET", "/mailings/{mailing}/deliveries?state=queued", None),
    "whether it is there": ("HEAD", "/mailings/{mailing}", None),
    "what stands beside it": ("GET", "/emails?after={email}", None),
    "the same in capitals": ("GET", "/emails/{EMAIL}", None),
}


@pytest.mark.parametrize("tried", ANOTHERS_MAIL.values(), ids=ANOTHERS_MAIL)
def test_mail_that_it_did_not_send_is_not_there(light_client: Client, tried: tuple[str, str, Any]) -> None:
    payroll, mine = (
        new_key(light_client.database, scopes=["send", "read"], senders=[sender])
        for sender in ("payroll@acme.example", MINE)
    )
    letter = {"from": "payroll@acme.example", "subject": "Salaries", "scheduled_at": "in 2 days"}
    email = light_client.post("/emails", json={**EMAIL, **letter}, key=payroll)
    to_many = {**EXAMPLE_MAILING, **letter, "text": "Hi"}
    mailing = light_client.post("/mailings", json=to_many, key=payroll)
    ids = {"email": email.get_json()["id"], "mailing": mailing.get_json()["id"]}
    ids["EMAIL"] = ids["email"].upper()

    method, path, body = tried
    answer = light_client.open(method, path.format(**ids), json=body, key=mine)
    assert answer.status_code == 404
    assert not any(word in answer.text for word in ("Salaries", "payroll", "@mail.example"))
    for uid in (ids["email"], ids["mailing"]):
        found = light_client.get(f"/mailings/{uid}", key=payroll).get_json()
        assert (found["state"], found["scheduled_at"][:4] > "2020") == ("scheduled", True)


HAS_IT_GO: dict[str, tuple[str, str, Any]] = {
    "resume a mailing": ("POST", "/mailings/{mailing}/resume", None),
    "let the rest of one go": ("POST", "/mailings/{mailing}/release", None),
    "move one forward": ("PATCH", "/mailings/{mailing}", {"scheduled_at": "2020-01-01T00:00:00Z"}),
    "at any hour": ("PATCH", "/mailings/{mailing}", {"sending_hours": None}),
    "resume an email": ("POST", "/mailings/{email}/resume", None),
    "move an email forward": ("PATCH", "/emails/{email}", {"scheduled_at": "2020-01-01T00:00:00Z"}),
    "send a draft": ("POST", "/drafts/{draft}/send", None),
    "write in a draft": ("PATCH", "/drafts/{draft}", {"text": "Mine"}),
    "take a draft over": ("PATCH", "/drafts/{draft}", {"from": MINE}),
    "send a repeat": ("POST", "/repeats/{repeat}/send", None),
    "resume a repeat": ("POST", "/repeats/{repeat}/resume", None),
    "have a repeat tick now": ("PATCH", "/repeats/{repeat}", {"rule": "cron * * * * *"}),
}
STOPS_IT = ("/mailings/{mailing}/cancel", "/emails/{email}/cancel", "/repeats/{repeat}/cancel")


def test_what_another_sender_of_its_program_made_it_may_stop_and_not_send(light_client: Client) -> None:
    database = light_client.database
    with database.begin() as connection:
        payroll, number = api_keys.add(
            connection, "payroll", scopes=["send"], senders=["payroll@acme.example"]
        )
        mine, _ = api_keys.add(connection, "news", scopes=["send"], senders=[MINE], shares_with=number)
    letter = {"from": "payroll@acme.example", "text": "Hi"}
    to_many = {**EXAMPLE_MAILING, **letter, "scheduled_at": "in 2 days", "canary": 1}
    made = {
        "mailing": ("/mailings", to_many),
        "email": ("/emails", {**EMAIL, **letter, "scheduled_at": "in 2 days"}),
        "draft": ("/drafts", {**EXAMPLE_MAILING, **letter}),
        "repeat": ("/repeats", {**to_many, "rule": "daily 09:00", "zone": "UTC"}),
    }
    ids = {
        kind: light_client.post(path, json=body, key=payroll).get_json()["id"]
        for kind, (path, body) in made.items()
    }
    tried = {
        what: light_client.open(method, path.format(**ids), json=body, key=mine)
        for what, (method, path, body) in HAS_IT_GO.items()
    }
    assert {what: answer.status_code for what, answer in tried.items()} == dict.fromkeys(HAS_IT_GO, 403)
    assert all("may not send from payroll@acme.example" in answer.text for answer in tried.values())
    stopped = [light_client.post(path.format(**ids), key=mine).status_code for path in STOPS_IT]
    assert stopped == [200] * len(STOPS_IT)


@pytest.mark.parametrize("sender", ANOTHER_AUTHOR.values(), ids=ANOTHER_AUTHOR)
def test_nobody_else_is_its_author(light_client: Client, sender: str) -> None:
    key = new_key(light_client.database, senders=[MINE])
    answer = light_client.post("/emails", json={**EMAIL, "from": sender}, key=key)
    assert answer.status_code in (403, 422), answer.get_json()


@pytest.mark.parametrize("name", ["Jörg @ Acme", "Lee, Ann", "bob@example.org via Acme", "“Ann”", MINE])
def test_honest_names_pass(light_client: Client, name: str) -> None:
    key = new_key(light_client.database, senders=[MINE])
    answer = light_client.post("/emails", json={**EMAIL, "from": f'"{name}" <{MINE}>'}, key=key)
    assert answer.status_code == 200, answer.get_json()


@pytest.mark.parametrize("name", ANOTHER_HEADER)
@pytest.mark.parametrize("scope", ["send", "admin"])
def test_headers_that_say_who_speaks_are_not_its_own(light_client: Client, name: str, scope: str) -> None:
    headers: dict[str, Any] = {name: "ceo@victim.example"}
    key = new_key(light_client.database, scopes=[scope])
    answer = light_client.post("/emails", json={**EMAIL, "headers": headers}, key=key)
    assert answer.status_code == 422


TURNED = "Ann \u202egnp.exe"


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        ("/emails", {"from": f"{TURNED} <{MINE}>"}, "from"),
        ("/emails", {"to": [f"{TURNED} <ann@mail.example>"]}, "to[0]"),
        ("/emails", {"bcc": f"{TURNED} <ann@mail.example>"}, "bcc[0]"),
        ("/emails", {"reply_to": f"{TURNED} <ann@mail.example>"}, "reply_to[0]"),
        ("/emails", {"subject": TURNED}, "subject"),
        ("/emails", {"headers": {"X-Note": TURNED}}, "headers"),
        ("/emails", {"attachments": [{"filename": TURNED, "content": "eA=="}]}, "attachments"),
        ("/mailings", {"recipients": [{"address": "a@mail.example", "name": TURNED}]}, "recipients[0].name"),
        (
            "/mailings",
            {"recipients": [{"address": "a@mail.example", "variables": {"town": TURNED}}]},
            "recipients[0].variables.town",
        ),
    ],
)
def test_what_turns_round_its_neighbours_is_refused_by_name(
    light_client: Client, path: str, changes: dict[str, Any], field: str
) -> None:
    fields = {**EMAIL, "from": MINE, **changes}
    if path == "/mailings":
        del fields["to"]
    answer = light_client.post(path, json=fields)
    message = answer.get_json()["message"]
    assert answer.status_code == 422
    assert message.startswith(f"`{field}") and "U+202E RIGHT-TO-LEFT OVERRIDE" in message


def test_a_long_list_tells_of_its_first_bad_ones(light_client: Client) -> None:
    good, bad = {"address": "a@mail.example"}, {"address": "nobody"}
    fields = {**EMAIL, "recipients": [good, bad, good, bad, bad, bad, bad, good]}
    del fields["to"]
    message = light_client.post("/mailings", json=fields).get_json()["message"]
    assert [f"recipients[{place}]" in message for place in range(8)] == [
        *(False, True, False, True, True),
        *(False, False, False),
    ]


LONG = "é" * 12_000
TO_OTHERS = {**EXAMPLE_MAILING, "recipients": [{"address": f"{LONG} <bob@mail.example>"}]}
MADE_TO_HOLD_UP = {
    "a name that speaks": ("/emails", {**EMAIL, "from": f"{LONG} <{MINE}>"}),
    "names in To": ("/emails", {**EMAIL, "to": [f"{LONG} <b{n}@mail.example>" for n in range(50)]}),
    "a name in Cc": ("/emails", {**EMAIL, "cc": f"{LONG} <bob@mail.example>"}),
    "a name in Reply-To": ("/emails", {**EMAIL, "reply_to": f"{LONG} <bob@mail.example>"}),
    "a name of a mailing": ("/mailings", TO_OTHERS),
    "a header": ("/emails", {**EMAIL, "headers": {"X-Note": LONG}}),
    "many headers": ("/emails", {**EMAIL, "headers": {f"X-{n}": "é" * 1_000 for n in range(900)}}),
    "a subject": ("/emails", {**EMAIL, "subject": LONG}),
    "the name of a file": ("/emails", {**EMAIL, "attachments": [{"filename": LONG, "content": ""}]}),
    "tags": ("/mailings", {**EXAMPLE_MAILING, "text": "{{ name }}" * 50_001}),
    "a text with a tag": ("/mailings", {**EXAMPLE_MAILING, "html": "x" * (8 << 20) + "{{ name }}"}),
}
"""What is laid out for each recipient, or letter by letter: nobody else's mail is sent meanwhile."""


@pytest.mark.parametrize("tried", MADE_TO_HOLD_UP.values(), ids=MADE_TO_HOLD_UP)
def test_what_takes_long_to_lay_out_is_refused(light_client: Client, tried: tuple[str, Any]) -> None:
    path, letter = tried
    answer = light_client.post(path, json=letter, key=new_key(light_client.database, senders=[]))
    assert answer.status_code == 422, answer.text[:500]
    assert len(answer.text) < 1_000
