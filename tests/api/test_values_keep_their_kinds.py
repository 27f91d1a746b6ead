"""What JSON calls a number, a truth or null is one in the mail's conditions, and in headers it is filled."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.engine.send.messages import CompiledMessages
from mailroom.ledger.deliveries import deliveries
from tests.api.conftest import Client

MAILING: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "{{ Age }}",
    "text": "{% if member %}member{% else %}guest{% endif %} {% if age > 3 %}old{% else %}young{% endif %}",
    "headers": {"List-Unsubscribe": "<https://acme.example/u/{{ token }}>"},
}
PEOPLE = [
    {"member": True, "age": 5, "token": "a"},
    {"member": False, "age": 2.5, "token": "b"},
    {"member": None, "age": None, "token": "c"},
    {"token": "d"},
]


def messages(client: Client) -> list[EmailMessage]:
    """What the first mailing's recipients would be sent."""
    compiled = CompiledMessages(LinkPlace("https://news.example.org")).of(client.database, {1})[1].compiled
    with client.database.read() as connection:
        found = sorted(deliveries.each(connection, 1), key=lambda row: row.id)
    raw = [compiled.render(row, row.variables, "<1@acme.example>") for row in found]
    return [message_from_bytes(one, EmailMessage, policy=policy.default) for one in raw]


def test_from_the_api_to_the_message(client: Client) -> None:
    recipients = [
        {"address": f"p{number}@mail.example", "variables": variables}
        for number, variables in enumerate(PEOPLE)
    ]
    answer = client.post("/mailings", json={**MAILING, "recipients": recipients})
    assert answer.status_code == 200, answer.get_json()
    said = [(m["Subject"], m.get_content().strip(), m["List-Unsubscribe"]) for m in messages(client)]
    assert said == [
        ("5", "member old", "<https://acme.example/u/a>"),
        ("2.5", "guest young", "<https://acme.example/u/b>"),
        ("", "guest young", "<https://acme.example/u/c>"),
        ("", "guest young", "<https://acme.example/u/d>"),
    ]


def test_an_unknown_tag_in_a_header_is_refused_there(light_client: Client) -> None:
    person = {"address": "p@mail.example", "variables": {"age": 1, "member": True}}
    answer = light_client.post("/mailings", json={**MAILING, "recipients": [person]})
    assert answer.status_code == 422
    assert "`headers`: No recipient has a value for {{ token }}" in answer.get_json()["message"]
