"""The pinned requirements are what the code imports and what that needs in turn: nothing else, nor less."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import util
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"app", "benchmarks", "docs", "jobs", "mailroom", "start", "tests", "worker"}
DISPENSABLE = {"uvloop"}  # what is not there is not used
ONLY_TYPES = {"_typeshed"}  # comes with the type checker
PEERS = ROOT / "benchmarks" / "peers"  # each has an environment of its own


def sources(*folders: str) -> tuple[Path, ...]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return tuple(path for path in found if PEERS not in path.parents)


PROGRAM = (*ROOT.glob("*.py"), *sources("deploy", "jobs", "mailroom", "migrations"))
TESTS = sources("benchmarks", "tests")


@dataclass(frozen=True)
class Requirement:
    name: str
    heading: str
    reason: str  # why it is there although nobody imports it

    @property
    def is_needed_by_others(self) -> bool:
        return self.heading.startswith("needed by")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(file: str) -> list[Requirement]:
    heading, found = "", []
    for line in (ROOT / file).read_text().splitlines():
        if line.startswith("#"):
            heading = line.removeprefix("# ")
        elif pinned := re.fullmatch(r"([\w.-]+)(?:\[\w+\])?==[^\s;]+(?:; [^#]*[^#\s])?(?:  # (.+))?", line):
            found.append(Requirement(normal(pinned[1]), heading, pinned[2] or ""))
        else:
            assert line in ("", "-r requirements.txt"), f"{line} is not pinned"
    return found


@cache
def imported(paths: tuple[Path, ...]) -> set[str]:
    """The distributions, not ours and not Python's, that these files import."""
    modules = {module.split(".")[0] for path in paths for module in modules_of(path)}
    providers = packages_distributions()
    others = modules - OURS - ONLY_TYPES - sys.stdlib_module_names
    return {normal(name) for module in others for name in set(providers.get(module, [module]))}


def modules_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def needs_of(name: str) -> set[str]:
    """What it declares, whatever it is asked for and wherever it runs."""
    if name in DISPENSABLE and not util.find_spec(name):
        return set()
    return {normal(re.split(r"[^\w.-]", line)[0]) for line in requires(name) or []}


LISTED = listed("requirements.txt")
FOR_TESTS = listed("requirements-dev.txt")
FILES = {
    "requirements.txt": (LISTED, LISTED, PROGRAM),
    "requirements-dev.txt": (FOR_TESTS, LISTED + FOR_TESTS, TESTS),
}


@pytest.mark.parametrize("file", FILES)
def test_what_is_imported_is_listed_as_such(file: str) -> None:
    _, known, files = FILES[file]
    assert imported(files) - {each.name for each in known if not each.is_needed_by_others} == set()


@pytest.mark.parametrize("file", FILES)
def test_what_is_listed_is_imported_or_says_why_not(file: str) -> None:
    own, _, files = FILES[file]
    used = imported(files)
    direct = [each for each in own if not each.is_needed_by_others]
    tools = {each.name for each in direct if each.heading.startswith("lint")}
    assert [each.name for each in direct if not each.reason and each.name not in used | tools] == []


@pytest.mark.parametrize("file", FILES)
def test_the_rest_is_needed_by_what_is_listed(file: str) -> None:
    own, known, _ = FILES[file]
    needed = {need for each in known for need in needs_of(each.name)}
    assert [each.name for each in own if each.is_needed_by_others and each.name not in needed] == []


@pytest.mark.parametrize("file", FILES)
def test_each_is_listed_once_and_in_order(file: str) -> None:
    own, known, _ = FILES[file]
    assert len({each.name for each in known}) == len(known)
    for heading in {each.heading for each in own}:
        names = [each.name for each in own if each.heading == heading]
        assert names == sorted(names)
