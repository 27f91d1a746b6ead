"""Words: a name means one thing in the whole project, and a search finds it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "mailroom").glob("**/*.py"))
BESIDE = sorted(path for name in ("jobs", "deploy", "benchmarks") for path in (ROOT / name).glob("**/*.py"))


def test_no_two_public_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


TYPE_VARIABLES = {"T"}


def test_no_two_modules_give_one_name_to_a_constant() -> None:
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(name, ast.Name) and name.id.isupper() and not name.id.startswith("_"):
                        places[name.id].add(str(path.relative_to(ROOT)))
    assert {
        name: found for name, found in places.items() if len(found) > 1 and name not in TYPE_VARIABLES
    } == {}


ASKING = re.compile(r"(What|How|Who|Whose|Whether|Why|When|Where|From|Trying)\b")


def test_a_module_says_first_what_it_is() -> None:
    """A docstring that begins with a question is read twice, and no search finds it."""
    sources = [*ROOT.glob("*.py"), *SOURCES, *BESIDE]
    first = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in sources}
    assert [str(path.relative_to(ROOT)) for path, words in first.items() if ASKING.match(words)] == []
