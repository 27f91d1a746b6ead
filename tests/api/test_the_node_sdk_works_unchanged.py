"""Resend's own Node client, from npm, told by its environment variables alone where to send."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import node
from tests.api.conftest import Served

SCRIPT = Path(__file__).with_name("sdk.mjs")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client in its node_modules."""
    return node.install(tmp_path_factory.mktemp("node"), node.RESEND)


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
    arrived = served.system.sink.wait(2)
    assert b"Content-ID: <logo>" in next(one.raw for one in arrived if sent in one.message_id)
