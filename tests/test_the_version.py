"""The version stands in one place, and whoever asks gets the same one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from mailroom import __version__
from mailroom.settings import Settings
from tests.web.watching import signed_in

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def test_commands_say_it(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    assert run(args=["version"]).output == f"Mailroom {__version__}\n"
    assert run(args=["doctor"]).output.startswith(f"Mailroom {__version__}\n")


def test_a_worker_says_it_without_any_setting() -> None:
    words = [sys.executable, "worker.py", "--version"]
    done = subprocess.run(words, cwd=ROOT, env={}, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == f"Mailroom {__version__}\n"


def test_pages_metrics_and_the_api_s_description_say_it(app: Flask) -> None:
    client = signed_in(app)
    assert f"Mailroom {__version__}" in client.get("/mailings").text
    assert f'mailroom_build_info{{version="{__version__}"}} 1.0' in client.get("/metrics").text
    assert client.get("/api/v1/openapi.json").get_json()["info"]["version"] == __version__


def test_strangers_pages_do_not(app: Flask) -> None:
    client = app.test_client()
    for path in ("/sign-in", "/no-such-page", "/healthz", "/readyz"):
        assert __version__ not in client.get(path).text


def test_the_changelog_begins_with_it() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest and newest[1] == ("Unreleased" if ".dev" in __version__ else __version__)


def test_it_stands_nowhere_else() -> None:
    sources = [
        *ROOT.glob("*.py"),
        *ROOT.glob("*.toml"),
        *ROOT.glob("mailroom/**/*.py"),
        *ROOT.glob("templates/**/*.html"),
    ]
    assert [str(path) for path in sources if __version__ in path.read_text(encoding="utf-8")] == [
        str(ROOT / "mailroom/__init__.py")
    ]
