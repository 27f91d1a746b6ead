"""Whatever is wrong with a request, no inner word of a library reaches the person who reads the answer."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mailroom.web.api.requests.examples import REQUESTS
from tests.api.conftest import Client

INNER_WORDS = re.compile(
    r"Input should|Value error|pydantic|valid (list|dict|integer|string|UUID)|unable to parse"
)
NONSENSE: list[Any] = [
    *(
        None,
        True,
        7,
        7.5,
        "",
        " ",
        "x",
        "x" * 3_000,
        "\ud800",
        "a\nb",
        "2030",
        [],
        [[]],
        [None],
        [7],
        ["x"] * 300,
    ),
    *({}, {"x": 1}, {"type": "Buffer"}, {"type": "Buffer", "data": ["x"]}, -1, 10**40),
]


def places(body: Any) -> list[list[Any]]:
    """Where something can be put into a body: the paths of its values."""
    if isinstance(body, dict):
        return [[name, *rest] for name, value in body.items() for rest in ([], *places(value))]
    if isinstance(body, list):
        return [[place, *rest] for place, value in enumerate(body) for rest in ([], *places(value))]
    return []


WHOLE = {
    **REQUESTS["send_email"],
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "headers": {"X-A": "b"},
    "scheduled_at": "in 1 hour",
    "tags": [{"name": "a", "value": "b"}],
    "template": None,
    "topic_id": None,
    "attachments": [{"filename": "a", "content": "SGk=", "content_type": "text/plain", "content_id": "a"}],
}
MAILING = {**REQUESTS["send_mailing"], "if_unknown": "resend"}
BODIES = {"/emails": WHOLE, "/mailings": MAILING, "/emails/batch": [WHOLE]}


@pytest.mark.parametrize("path", BODIES)
def test_of_bodies(light_client: Client, path: str) -> None:
    refused = 0
    for place in places(BODIES[path]):
        for nonsense in NONSENSE:
            body = json.loads(json.dumps(BODIES[path]))
            inside = body
            for step in place[:-1]:
                inside = inside[step]
            inside[place[-1]] = nonsense
            answer = light_client.post(path, json=body)
            assert answer.status_code in (200, 400, 422), (place, nonsense, answer.text)
            if answer.status_code != 200:
                refused += 1
                assert INNER_WORDS.search(answer.text) is None, (place, nonsense, answer.text)
    assert refused > len(places(BODIES[path]))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/emails?limit=0", "limit"),
        ("/emails?limit=101", "limit"),
        ("/emails?limit=ten", "limit"),
        ("/emails?limit=", "limit"),
        ("/emails?limit=1&limit=2", "limit"),
        ("/emails?after=x", "after"),
        ("/emails?lmit=3", "lmit"),
        ("/mailings/4ef9a417-02e9-4d39-ad75-9611e0fcc33c/deliveries?state=gone", "state"),
        ("/mailings/4ef9a417-02e9-4d39-ad75-9611e0fcc33c/deliveries?format=xml", "format"),
        ("/emails/4ef9a417-02e9-4d39-ad75-9611e0fcc33c?x=1", "x"),
        ("/emails/abc", "id"),
        ("/emails/7", "id"),
        ("/emails/%00", "id"),
        ("/emails/4ef9a41702e94d39ad759611e0fcc33c", "id"),
        ("/mailings/7", "id"),
        ("/mailings/abc/deliveries", "id"),
    ],
)
def test_of_addresses(light_client: Client, path: str, field: str) -> None:
    answer = light_client.get(path)
    assert answer.status_code == 422 and answer.get_json()["name"] == "validation_error"
    assert (
        answer.get_json()["message"].startswith(f"`{field}`: This ")
        or "There is no such field" in answer.text
    )
    assert INNER_WORDS.search(answer.text) is None


def test_a_parameter_where_there_are_none(light_client: Client) -> None:
    answer = light_client.post("/emails?dry_run=1", json=REQUESTS["send_email"])
    assert answer.status_code == 422 and "`dry_run`: There is no such field" in answer.text
