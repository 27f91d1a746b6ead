"""What somebody tries by the API who holds a key that may send as hello@acme.example, and as nobody else."""

from __future__ import annotations

from typing import Any

import pytest

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
