"""Hostile JSON, and what it costs a web process: python -m tests.attacks.json_bodies

The settings are those of the environment; EVERY_BODY tries each shape with each operation and in each field,
not some.
Prints a JSON object: for each operation and shape the answer's status, and the megabytes by which the
process grew while it was answered.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask

from mailroom.ledger.people import api_keys

EVERY_BODY = bool(os.environ.get("EVERY_BODY"))

MEGABYTE = 1_000_000
SIZE = 3 * MEGABYTE // 2

GOOD: dict[str, Any] = {"from": "hello@acme.example", "subject": "Hello", "text": "It works."}
EMAIL = GOOD | {"to": ["ann@mail.example"]}
RAW_EMAIL = {"from": GOOD["from"], "recipients": EMAIL["to"], "message": "U3ViamVjdDogSGkNCg0KSGk="}
MAILING = GOOD | {"recipients": [{"address": "ann@mail.example"}]}


def many(item: str, opening: str = "[", closing: str = "]") -> str:
    return opening + ",".join([item] * (SIZE // (len(item) + 1))) + closing


def names(value: str = "0") -> str:
    """An object of as many names as there is room for."""
    return "{" + ",".join(f'"n{n}":{value}' for n in range(SIZE // 11)) + "}"


def with_field(base: dict[str, Any], name: str, value: str) -> str:
    return json.dumps({key: held for key, held in base.items() if key != name})[:-1] + f',"{name}":{value}}}'


VALUES = {
    "zeros": many("0"),
    "floats": many("1.5"),
    "nulls": many("null"),
    "empty lists": many("[]"),
    "empty objects": many("{}"),
    "empty strings": many('""'),
    "bad addresses": many('"nobody"'),
    "one string": json.dumps("x" * SIZE),
    "one string of commas": json.dumps("," * SIZE),
    "names": names(),
    "names of objects": names("{}"),
    "objects with unknown names": many('{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0}'),
    "recipients with bad variables": many('{"address":"a@b.example","variables":{"1":[],"2":{}}}'),
    "recipients with unknown names": many('{"address":0,"x":0,"y":0}'),
    "files of lists": many('{"filename":"a","content":[0,[],"x"]}'),
    "deep lists": "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "deep objects": '{"a":' * (SIZE // 6) + "0" + "}" * (SIZE // 6),
    "a hundred levels": many("[" * 90 + "]" * 90),
    "a number of a million digits and more": "9" * SIZE,
    "numbers of 4,000 digits": many("9" * 4000),
    "a number that is infinite": "[1e999]",
    "NaN": many("NaN"),
    "Infinity": "-Infinity",
    "names that are twice there": many('"a":0', "{", "}"),
    "half a character": '"\\ud800"',
    "half a character in a name": '{"\\udfff": 0}',
    "half characters": many('"\\ud800\\ud800"'),
    "NULs": json.dumps("\0" * 100_000),
    "what does not end": '["' + '\\"' * (SIZE // 2),
    "lists that do not end": "[" * SIZE,
}

TEN_TIMES = {
    "many small objects": '{"a":0},',
    "many small lists": "[0],",
    "many short texts": '"ab",',
    "many fractions": "1.5,",
    "many large numbers": "12345,",
}
"""Each takes ten to thirty times its length in memory, so these are of 15 MB."""

IN_A_FIELD = (
    *("zeros", "empty lists", "bad addresses", "names", "objects with unknown names", "deep lists"),
    *("recipients with bad variables", "recipients with unknown names", "files of lists"),
    *("one string", "a number that is infinite", "half a character in a name"),
)
"""Shapes that are tried in fields as well, not only as the body."""

FIELDS = {
    "POST /emails": (
        EMAIL,
        ("to", "cc", "bcc", "reply_to", "headers", "attachments", "tags", "template", "x"),
    ),
    "POST /mailings": (MAILING, ("recipients", "headers", "attachments", "tags")),
    "POST /mailings/preflight": (MAILING, ("recipients", "headers")),
    "PATCH /emails/{id}": ({}, ("scheduled_at", "id")),
    "POST /emails/batch": (EMAIL, ("to", "tags", "x")),
    "POST /emails/raw": (RAW_EMAIL, ("recipients", "message", "x")),
    "POST /suppressions": ({"address": "ann@example.org"}, ("address", "scope", "note")),
    "POST /suppressions/remove": ({"address": "ann@example.org"}, ("address", "scope")),
    "POST /templates": ({"name": "Hi", "text": "Hi"}, ("variables", "reply_to", "html", "x")),
    "PATCH /templates/{id}": ({}, ("variables", "name")),
    "POST /templates/{id}/render": ({}, ("variables", "version")),
    "PATCH /mailings/{id}": ({}, ("scheduled_at", "sending_hours")),
    "POST /repeats": ({**MAILING, "rule": "daily 9:00", "zone": "UTC"}, ("rule", "zone", "sending_hours")),
    "PATCH /repeats/{id}": ({}, ("rule", "times")),
    "POST /drafts": ({"subject": "Hi"}, ("recipients", "attachments", "text", "x")),
    "PATCH /drafts/{id}": ({}, ("recipients", "revision")),
    "POST /lists": ({"name": "Hi"}, ("name", "shared")),
    "PATCH /lists/{id}": ({}, ("name",)),
    "POST /lists/{id}/recipients": ({"address": "ann@example.org"}, ("variables", "consent", "x")),
    "POST /lists/{id}/recipients/remove": ({}, ("addresses",)),
    "POST /lists/{id}/import": ({"address": "ann@example.org"}, ("variables", "consent")),
    "POST /lists/from-list": ({"name": "Hi", "list": "x"}, ("where", "x")),
    "POST /lists/from-mailing": ({"name": "Hi", "mailing": "x"}, ("outcome",)),
}
TAGS = "".join(f"{{{{ a{number} }}}}" for number in range(100_000))


def bodies(operation: str) -> dict[str, bytes]:
    base, fields = FIELDS[operation]
    every_second = list(VALUES)[
        list(FIELDS).index(operation) % 2 :: 2
    ]  # each shape by two operations or three
    found = {shape: VALUES[shape] for shape in (VALUES if EVERY_BODY else every_second)}
    found |= {"UTF-16": "", "octets": ""}
    for place, field in enumerate(fields):
        some = IN_A_FIELD if EVERY_BODY else IN_A_FIELD[place % 4 :: 4]
        found |= {f"{field}: {shape}": with_field(base, field, VALUES[shape]) for shape in some}
    if operation == "POST /mailings":
        found["tags that nobody has"] = json.dumps(base | {"text": TAGS})
    found["as many variables as recipients"] = json.dumps(
        base
        | {"recipients": [{"address": f"a{n}@b.example", "variables": {f"v{n}": "1"}} for n in range(30_000)]}
    )
    if operation == "POST /emails":
        found |= {
            shape: with_field(base, "to", f"[{item * (10 * SIZE // len(item))}0]")
            for shape, item in TEN_TIMES.items()
        }
    encoded = {shape: text.encode("utf-8", "surrogatepass") for shape, text in found.items()}
    encoded["UTF-16"] = json.dumps(base).encode("utf-16")
    encoded["octets"] = b"\xff" * SIZE
    if operation != "POST /emails/batch":
        return encoded
    return {shape: b"[%b]" % body if ": " in shape else body for shape, body in encoded.items()}


def grown(act: Callable[[], int]) -> tuple[int, float]:
    """What `act` returns, and by how many megabytes the process was larger at its largest."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _peak()
    return act(), _peak() - before


def _peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise AssertionError("no such kernel")


def measure(app: Flask) -> dict[str, tuple[int, float]]:
    with app.extensions["mailroom"].database.begin() as connection:
        key, _ = api_keys.add(connection, "test", scopes=["admin"], rate="100000/second")
    client = app.test_client()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    # Of these the thing itself is looked up before the body is read.
    there = {
        kind: client.post(f"/api/v1/{kind}", json=body, headers=headers).get_json()["id"]
        for kind, body in {"lists": {"name": "Digest"}, "drafts": {"subject": "Hi"}}.items()
    }

    def post(operation: str, body: bytes) -> int:
        method, path = operation.split(" ")
        url = "/api/v1" + path.replace("{id}", there.get(path.split("/")[1], str(uuid4())))
        # With a key: what it is compared by is made of the body, too.
        given = headers | ({"Idempotency-Key": str(uuid4())} if method == "POST" else {})
        return client.open(url, method=method, data=body, headers=given).status_code

    for operation in FIELDS:  # what is loaded once
        post(operation, b"{}")
    gc.collect()
    gc.freeze()  # a collection after each body need not look through all of it again
    return {
        f"{operation}: {shape}": grown(lambda operation=operation, body=body: post(operation, body))  # type: ignore[misc]
        for operation in FIELDS
        for shape, body in bodies(operation).items()
    }


if __name__ == "__main__":
    from app import create_app

    print(json.dumps(measure(create_app())))
