"""What a program of ours reads or writes as text is UTF-8, and not what a locale says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ["app.py", "start.py", "worker.py", "deploy", "jobs", "mailroom", "migrations"]
MODE_AT = {"open": 1, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}
"""Where a function that opens files takes the mode; a method of a path has it one place before."""

MODES_OF_TEXT = {"r", "w", "a", "x", "r+", "w+", "a+"}


def as_the_locale_says(code: str) -> Iterator[int]:
    """The lines of calls that open text, or talk in it to a program, and name no encoding."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            talks = words.get("text") == "True" or "universal_newlines" in words
            named = {"read_text": 1, "write_text": 2}.get(name, 0)  # so many arguments with an encoding
            opens = len(node.args) < named or _mode(node, name, words) in MODES_OF_TEXT
            if (talks or opens) and "encoding" not in words:
                yield node.lineno


def _mode(call: ast.Call, name: str, words: dict[str | None, str]) -> str:
    """None of a call that has other arguments than a function that opens files."""
    if name not in MODE_AT:
        return ""
    modules = ("os", "io", "tempfile")
    of_a_path = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) not in modules
    given = [ast.unparse(argument) for argument in call.args[MODE_AT[name] - of_a_path :]]
    default = "'r'" if name in ("open", "fdopen") and not of_a_path else ""
    return (words.get("mode") or next(iter(given), default)).strip("'\"")


def test_no_encoding_is_left_to_the_locale() -> None:
    paths = [path for name in PROGRAMS for path in ROOT.glob(name if "." in name else f"{name}/**/*.py")]
    found = {str(path): list(as_the_locale_says(path.read_text(encoding="utf-8"))) for path in paths}
    assert len(found) > 100
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        "open(path)",
        "open(path, 'w')",
        "path.open('w')",
        "path.read_text()",
        "path.write_text(words)",
        "os.fdopen(number, 'w')",
        "tempfile.NamedTemporaryFile('w', dir=folder)",
        "NamedTemporaryFile(mode='w+')",
        "subprocess.run(words, text=True)",
    ],
)
def test_one_is_found(code: str) -> None:
    assert list(as_the_locale_says(code)) == [1]


def test_octets_have_none() -> None:
    assert (
        list(as_the_locale_says("open(path, 'rb'); path.open('wb'); TemporaryFile(); Session.open(server)"))
        == []
    )
