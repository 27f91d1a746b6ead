"""Resend's own Node clients, from npm, told by environment variables alone where to send;
and what a validator of JavaScript makes of the OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailroom.web.api.requests.examples import REQUESTS
from tests import node
from tests.api.conftest import Client, Served

SCRIPT = Path(__file__).with_name("sdk.mjs")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client in its node_modules."""
    return node.install(tmp_path_factory.mktemp("node"), node.RESEND, *node.OLDER_RESENDS, *node.AJV)


def test_it_works_unchanged(package: Path, served: Served) -> None:
    served.system.start_workers()

    seen = node.run(SCRIPT, package, RESEND_BASE_URL=served.url, RESEND_API_KEY=served.key)

    assert all(
        seen[name]["error"] is None for name in ("sent", "batch", "got", "listed", "updated", "canceled")
    )
    sent = seen["sent"]["data"]["id"]
    assert seen["again"]["data"]["id"] == sent
    assert seen["again"]["headers"]["idempotent-replayed"] == "true"
    assert len(seen["batch"]["data"]["data"]) == 1
    assert [error["index"] for error in seen["batch"]["data"]["errors"]] == [1]
    assert seen["got"]["data"]["reply_to"] == ["help@acme.example"]
    assert (seen["listed"]["data"]["object"], seen["listed"]["data"]["has_more"]) == ("list", True)
    assert seen["updated"]["data"] == {"object": "email", "id": seen["later"]["data"]["id"]}
    assert seen["refused"]["error"]["name"] == "validation_error"
    assert seen["refused"]["error"]["statusCode"] == 422
    assert seen["unknown"]["error"]["name"] == "invalid_api_key"
    kept = seen["kept"]
    assert [name for name, one in kept.items() if one["error"] is not None] == []
    uid = kept["published"]["data"]["id"]
    assert (kept["template"]["data"]["id"], kept["template"]["data"]["status"]) == (uid, "published")
    variables = kept["template"]["data"]["variables"]
    assert [(one["key"], one["type"], one["fallback_value"]) for one in variables] == [
        ("ORDER", "string", None),
        ("NAME", "string", "Friend"),
        ("PRICE", "number", 25),
    ]
    assert kept["templates"]["data"]["data"][0]["id"] == kept["copied"]["data"]["id"]
    assert kept["removed"]["data"] == {"object": "template", "id": uid, "deleted": True}
    assert "ORDER" in seen["missing"]["error"]["message"]
    arrived = served.system.sink.wait(3)
    filled = next(one.raw for one in arrived if kept["filled"]["data"]["id"] in one.message_id)
    assert b"Subject: Order A-1" in filled and b"<p>Friend: 25</p>" in filled
    assert b"Content-ID: <logo>" in next(one.raw for one in arrived if sent in one.message_id)


def test_older_ones_do_too(package: Path, served: Served) -> None:
    served.system.start_workers()
    script = SCRIPT.with_name("sdk_before.mjs")
    seen = node.run(script, package, RESEND_BASE_URL=served.url, RESEND_API_KEY=served.key)
    for version in ("resend-3", "resend-4"):
        assert all(seen[version][name]["error"] is None for name in ("sent", "got", "batch")), seen[version]
        assert seen[version]["refused"]["error"]["name"] == "validation_error"
        sent = seen[version]["sent"]["data"]["id"]
        arrived = next(one for one in served.system.sink.wait(6) if sent in one.message_id)
        assert b"AAH+/w==" in arrived.raw  # the bytes that the Buffer had


def test_javascript_understands_the_document(package: Path, light_client: Client) -> None:
    document = light_client.get("/openapi.json").get_json()
    buffer = {"type": "Buffer", "data": [0, 255]}
    email = REQUESTS["send_email"]
    values = [
        ("Email", email, True),
        ("Email", {**email, "attachments": [{"filename": "a", "content": buffer}]}, True),
        ("Email", {**email, "attachments": [{"filename": "a", "content": {**buffer, "data": [256]}}]}, False),
        ("Email", {**email, "from": '"Lee, Ann" <ann@acme.example>'}, True),
        ("Email", {**email, "subject": "two\nlines"}, False),
        ("Mailing", REQUESTS["send_mailing"], True),
    ]
    asked = json.dumps({"document": document, "values": [(name, value) for name, value, _ in values]})
    seen = node.run(SCRIPT.with_name("schemas.mjs"), package, stdin=asked)
    assert seen["refused"] == {}
    assert seen["judged"] == [good for _, _, good in values]
