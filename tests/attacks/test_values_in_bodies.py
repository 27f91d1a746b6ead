"""What a program sends in place of each value, and each name, of every body that the API takes.

None is answered by a 500, and what is kept of it is shown. In the suite some values are tried on each
database, with `make attacks` all of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mailroom.web.api.operations import OPERATIONS, Operation
from mailroom.web.api.requests.examples import EXAMPLE_MAILING, REQUESTS
from tests.api import conftest
from tests.api.conftest import Client, new_key
from tests.attacks.json_bodies import EVERY_BODY

NOT_KEPT = ["a\0b", "\ud800", "9" * 5_000, 10**4_000, 2**63, -1, 1e308, "x" * 100_000]
AT_THE_ENDS = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "in 99999 weeks"),
    *("cron 0 0 29 2 1", "cron 0 0 30 2 *", "cron 59-1 * * * *", "monthly 0 9:00", "daily 24:00"),
    *("in 5 \u017feconds", "in 1 m\u0131nute", "weekly \u017fun 09:00", "\u017fun 9-17", "1\u066a"),
    *("Europe/../Europe/Berlin", "<", "a b <>", "A <a@b.de>, B <c@d.de>", "\u202e", "{{ a | b", "", " "),
]
OF_ANOTHER_KIND: list[Any] = [0.5, True, None, [], {}, [[]], {"a": 1}]
OF_SQLITE = ["in 5 \u017feconds", AT_THE_ENDS[0], AT_THE_ENDS[1], AT_THE_ENDS[2], [[]], 2**63]
OF_POSTGRESQL = ["a\0b", "\ud800", "x" * 100_000, None]

FULL: dict[str, Any] = {
    **EXAMPLE_MAILING,
    "reply_to": ["ann@example.org"],
    "headers": {"X-Entity-Ref-ID": "1"},
    "tags": [{"name": "a", "value": "b"}],
    "scheduled_at": "2030-01-01T00:00:00Z",
    "attachments": [
        {"filename": "a.txt", "content": "SGk=", "content_type": "text/plain", "content_id": "x"}
    ],
    "purpose": "bulk",
    "list": "digest",
    "undo": 5,
    "canary": "1%",
    "canary_wait": 60,
    "html": "<p>Hi</p>",
    **REQUESTS["update_mailing"],
}
REPEATED = {"rule": "daily 09:00", "zone": "UTC", "ends_at": "2031-01-01T00:00:00Z", "times": 3}
BODIES: dict[str, Any] = {
    **REQUESTS,
    "send_mailing": FULL,
    "create_repeat": {**FULL, **REPEATED},
    "update_repeat": {**REPEATED, **REQUESTS["update_mailing"]},
}
COUNTED_AGAIN = "000001" + "9" * 20

client = conftest.client
light_client = conftest.light_client


def values(client: Client) -> list[Any]:
    if EVERY_BODY:
        return [*NOT_KEPT, *AT_THE_ENDS, *OF_ANOTHER_KIND]
    return OF_SQLITE if client.database.is_sqlite else OF_POSTGRESQL


def changed(body: Any, given: list[Any]) -> Iterator[Any]:
    """The body, with another value in one place."""
    yield from given
    if isinstance(body, dict):
        for name, held in body.items():
            yield from ({**body, name: other} for other in changed(held, given))
        yield from ({**body, one: 1} for one in given if isinstance(one, str))
    elif isinstance(body, list) and body:
        yield from ([other, *body[1:]] for other in changed(body[0], given))


@pytest.fixture
def there(client: Client) -> dict[str, str]:
    """One of each thing that can be asked for by its id, by the first part of its address."""
    later = {"scheduled_at": "2030-01-01T00:00:00Z"}
    sent = {
        "lists": REQUESTS["create_list"],
        "drafts": REQUESTS["create_draft"],
        "templates": REQUESTS["create_template"],
        "repeats": REQUESTS["create_repeat"],
        "mailings": EXAMPLE_MAILING | later,
        "emails": REQUESTS["send_email"] | later,
    }
    return {kind: client.post(f"/{kind}", json=body).get_json()["id"] for kind, body in sent.items()}


def path_of(operation: Operation, there: dict[str, str]) -> str:
    return operation.path.replace("{id}", there.get(operation.path.split("/")[1], ""))


def test_no_value_breaks_anything(client: Client, there: dict[str, str]) -> None:
    taken = [one for one in OPERATIONS if one.name in BODIES]
    assert {one.name for one in taken} == set(BODIES)
    broken, client.key = [], new_key(client.database, rate="100000/second")
    for operation in taken:
        for body in changed(BODIES[operation.name], values(client)):
            kind = {"Content-Type": "application/json"}
            path = path_of(operation, there)
            answer = client.open(operation.method, path, data=json.dumps(body), headers=kind)
            if answer.status_code >= 500:
                broken.append(f"{operation.name} {str(body)[:300]}: {answer.status_code}")
    asked = [(one.name, client.get(path_of(one, there))) for one in OPERATIONS if one.method == "GET"]
    assert broken == [] and [name for name, answer in asked if answer.status_code >= 500] == []


@pytest.mark.parametrize("path", ["/mailings", "/mailings/preflight"])
@pytest.mark.parametrize("column", [COUNTED_AGAIN, "9" * 5_000, "0" * 5_000, "\u0661" * 5_000, "\u00b2"])
def test_a_column_that_there_is_not_is_refused(light_client: Client, path: str, column: str) -> None:
    letter = {"from": "a@b.example", "subject": "Hi", "text": "Hi"}
    file = io.BytesIO(b"name,email\r\nAnn,ann@example.org\r\n")
    parts = {"mailing": json.dumps(letter), "recipients": (file, "a.csv"), "recipients_column": column}
    answer = light_client.post(path, data=parts, content_type="multipart/form-data")
    # One that is not there is looked for by what stands in the columns.
    assert answer.status_code in (200, 422), answer.get_json()
