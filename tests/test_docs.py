"""The docs name what there is: every setting, every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from mailroom.settings import EXPECTED_SETTINGS, FILED, Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
FLASKS_OWN = {"routes", "run", "shell"}


@pytest.fixture
def application(settings: Settings) -> Flask:
    return create_app(settings)


def test_every_setting_is_documented() -> None:
    assert [name for name in sorted(EXPECTED_SETTINGS) if f"`{name}`" not in OPERATIONS] == []


def test_every_secret_that_may_be_a_file_is_documented() -> None:
    assert [name for name in FILED if f"`{name}_FILE`" not in OPERATIONS] == []


def test_every_flask_command_is_documented(application: Flask) -> None:
    names = set(application.cli.commands) - FLASKS_OWN
    assert {name for name in names if f"`flask {name}" not in OPERATIONS} == set()


def test_the_readme_opens_with_the_two_commands() -> None:
    commands = [line.strip() for line in README.splitlines() if line.startswith("    make ")]
    assert commands == ["make run", "make test"]


def test_the_promise_is_the_same_everywhere() -> None:
    promise = [line for line in README.splitlines() if line.startswith("- ") and "|" not in line][:4]
    reliability = (DOCS / "reliability.md").read_text()
    assert all(line in reliability for line in promise)


def test_links_lead_somewhere() -> None:
    missing = []
    for page in (*map(ROOT.joinpath, ("README.md", "CHANGELOG.md", "SECURITY.md")), *DOCS.glob("*.md")):
        targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        relative = [target for target in targets if "://" not in target]
        missing += [f"{page.name}: {target}" for target in relative if not (page.parent / target).exists()]
    assert missing == []


def test_each_place_where_it_runs_names_the_test_that_says_so_or_says_that_there_is_none() -> None:
    table = OPERATIONS.partition("## Where it runs\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 8
    for row in rows:
        cell = row.rpartition(" | ")[2].removesuffix(" |")
        if cell == "none":
            assert "not tested" in row, row
            continue
        named = re.fullmatch(r"`([\w./]+\.py)`(?:, `([\w./]+\.py)`)?", cell)
        assert named and all((ROOT / "tests" / name).is_file() for name in named.groups() if name), row
