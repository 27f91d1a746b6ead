"""Resend's own Node client, from npm, told by its environment variables alone where to send."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Served
from tests.conftest import CI

VERSION = "6.38.0"
SCRIPT = Path(__file__).with_name("sdk.mjs")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client in its node_modules."""
    folder = tmp_path_factory.mktemp("node")
    npm = shutil.which("npm")
    if npm is None:
        _missing("npm is missing; on Debian and Ubuntu: apt-get install npm")
    command = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", f"resend@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        _missing(f"npm could not install resend: {done.stderr[-500:]}")
    return folder


def _missing(message: str) -> None:
    """CI has everything, or has failed; elsewhere, offline for instance, this test is skipped."""
    if CI:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def test_it_works_unchanged(package: Path, served: Served) -> None:
    served.system.start_workers()

    seen = run(package, served)

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


def run(package: Path, served: Served) -> dict[str, Any]:
    shutil.copy(SCRIPT, package)
    environment = {**os.environ, "RESEND_BASE_URL": served.url, "RESEND_API_KEY": served.key}
    done = subprocess.run(
        ["node", SCRIPT.name],
        cwd=package,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
