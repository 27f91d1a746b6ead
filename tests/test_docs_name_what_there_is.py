"""Docs and comments name files, modules and lines of code that exist; maps and glossary leave nothing out."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from tokenize import COMMENT, generate_tokens
from types import ModuleType

import pytest

from mailroom.ledger.schema import metadata
from mailroom.ledger.states import MailingState, State
from tests.drills.all import every_drill
from tests.test_imports import SOURCES, module_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README, GLOSSARY, ARCHITECTURE = (
    (ROOT / name).read_text() for name in ("README.md", "docs/glossary.md", "docs/architecture.md")
)
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "deploy/README.md", *sorted(DOCS.glob("*.md"))]
SPEAKING = [
    *PAGES,
    *SOURCES,
    *map(ROOT.joinpath, ("Makefile", "deploy/install.sh", "deploy/gunicorn.conf.py")),
]
"""Who names files: pages, and the comments and docstrings of the code. What is past may: CHANGELOG."""

FOLDERS = ("mailroom", "jobs", "tests", "docs", "deploy", "benchmarks", "migrations")
PACKAGES = {module_of(path) for path in SOURCES if path.name == "__init__.py"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree() -> list[str]:
    """Every Python file, with a slash before it."""
    found = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    return [f"/{named(path)}" for path in found]


def exists(file: str) -> bool:
    return any(known.endswith(f"/{file}") for known in tree())


def said(pattern: str, paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """(file, what it says) for everything in these files that looks like it."""
    return ((named(path), one) for path in paths for one in re.findall(pattern, path.read_text()))


def test_every_python_file_that_is_named_exists() -> None:
    files = said(r"(?<![\w/.-])(?:\.\./)*([\w/-][\w/.-]*\.py)\b", SPEAKING)
    assert [(where, file) for where, file in files if not exists(file.lstrip("/"))] == []


def test_every_path_that_is_named_exists() -> None:
    """Of the parts of the code: a folder with its slash, a template, a script of a page."""
    paths = said(
        r"(?<![\w/.<-])((?:mailroom|jobs|templates|static|migrations|tests|deploy|docs|benchmarks)/[\w/.-]*\w/?)",
        PAGES,
    )
    assert [(where, path) for where, path in paths if not (ROOT / path).exists()] == []


def definitions(tree: ast.AST, prefix: str) -> Iterator[str]:
    """The dotted names of everything that a module defines, of its classes' members too."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{prefix}.{name}"
                yield from definitions(node, f"{prefix}.{name}")
            case ast.Assign(targets=targets):
                yield from (f"{prefix}.{one.id}" for one in targets if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield f"{prefix}.{name}"
            case ast.If():  # what is imported for its type, and given when it is asked for
                yield from definitions(node, prefix)
            case ast.ImportFrom(names=names):
                yield from (f"{prefix}.{alias.asname or alias.name}" for alias in names)


@cache
def names() -> set[str]:
    """Of every module, and all that it defines."""
    found = {module_of(path) for path in SOURCES}
    return found.union(*(definitions(ast.parse(path.read_text()), module_of(path)) for path in SOURCES))


@cache
def endings() -> set[str]:
    return {
        ".".join(words[start:])
        for words in (name.split(".") for name in names())
        for start in range(len(words))
    }


def test_every_dotted_name_of_mailroom_exists() -> None:
    dotted = said(r"(?<![\w/.@])mailroom(?:\.[A-Za-z_]\w*)+", PAGES)
    assert [(where, name) for where, name in dotted if name not in names()] == []


def prose(source: str) -> str:
    """What a module says to people: its docstrings and comments."""
    words = [token.string for token in generate_tokens(StringIO(source).readline) if token.type == COMMENT]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(doc))):
                words.append(doc)
    return "\n".join(words)


def test_every_class_that_a_comment_names_by_its_module_exists() -> None:
    """`actions.ContentGone`; in code a type checker would see it."""
    known = endings()
    gone = []
    for path in SOURCES:
        for name, module in re.findall(r"(?<![\w/.@])(([a-z_]\w*)\.[A-Z]\w+)", prose(path.read_text())):
            if name not in known and module not in sys.stdlib_module_names:
                gone.append((named(path), name))
    assert gone == []


def plain(code: str) -> str:
    return re.sub(r"\s+", "", code).replace("'", '"').replace(",)", ")")


def test_the_line_that_turns_a_drill_red_is_in_the_code() -> None:
    everything = plain("\n".join(path.read_text() for path in SOURCES))
    fragments = {drill.name: re.findall(r"`([^`]+)`", drill.without) for drill in every_drill()}
    assert all(fragments.values())
    gone = [
        (drill, fragment)
        for drill, named_by_it in fragments.items()
        for fragment in named_by_it
        if fragment.removesuffix("()") not in endings()
        and not all(plain(part) in everything for part in fragment.removesuffix(")").split("..."))
    ]
    assert gone == []


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("floors", DOCS / "floors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_floors_is_what_the_imports_are() -> None:
    floors = script()
    assert floors.PICTURE.read_text() == floors.draw(), "run: python docs/floors.py"
    assert "](images/floors.svg)" in ARCHITECTURE


def test_an_arrow_is_left_out_only_where_others_lead_the_same_way() -> None:
    floors = script()
    every = floors.edges()
    drawn = floors.needed(every) | floors.SIDEWAYS
    for above, below in every:
        reached, new = {above}, {above}
        while new:
            new = {low for high, low in drawn if high in new} - reached
            reached |= new
        assert below in reached, f"{above} imports {below}"


def test_the_glossary_has_every_package_with_its_own_first_sentence() -> None:
    floors = script()
    assert floors.table(GLOSSARY) == GLOSSARY, "run: python docs/floors.py"
    told = {line.split("`")[1] for line in GLOSSARY.splitlines() if line.startswith("| `mailroom/")}
    assert told == {
        name.replace(".", "/") + "/" for name in PACKAGES if name != "mailroom" and name != "jobs"
    }


def section(head: str) -> str:
    return GLOSSARY.partition(f"\n## {head}\n")[2].partition("\n## ")[0]


def rows(head: str) -> dict[str, str]:
    """Of a table in the glossary: what stands behind each word."""
    lines = [line.split("|") for line in section(head).splitlines() if line.startswith("| `")]
    return {cells[1].strip().strip("`"): cells[2].strip() for cells in lines}


@pytest.mark.parametrize(
    ("head", "states"), [("States of a delivery", State), ("States of a mailing", MailingState)]
)
def test_the_glossary_has_every_state_in_its_own_words(
    head: str, states: type[State] | type[MailingState]
) -> None:
    assert rows(head) == {state.value: state.sentence for state in states}


def test_the_glossary_has_every_table() -> None:
    told = rows("Tables")
    assert set(told) == set(metadata.tables)
    assert all(sentence.endswith(".") for sentence in told.values())


def test_the_glossary_is_in_order_and_tells_each_word_once() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", section("Words"), re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)


def test_the_readme_s_map_has_every_part_of_the_code() -> None:
    table = README.partition("## Finding your way in the code")[2]
    told = set(re.findall(r"`([\w./]+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE))))
    packages = {f"{name.replace('.', '/')}/" for name in PACKAGES if name.count(".") == 1}
    alone = {named(path) for path in SOURCES if named(path).count("/") <= 1 and path.name != "__init__.py"}
    assert packages | {"jobs/"} <= told
    assert {file for file in alone if not file.startswith("jobs/")} <= told
    assert [name for name in told if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/glossary.md"])
def test_the_readme_leads_to_it(page: str) -> None:
    assert f"]({page})" in README


def test_the_way_of_a_mail_has_a_dozen_steps_and_each_names_its_files() -> None:
    way = ARCHITECTURE.partition("\n## The way of one recipient\n")[2].partition("\n## ")[0]
    steps = re.findall(r"^(\d+)\. (.+?)(?=^\d+\. |\Z)", way, re.MULTILINE | re.DOTALL)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 12
    assert [number for number, step in steps if ".py`" not in step] == []


def test_every_function_that_the_architecture_names_is_in_the_code() -> None:
    functions = re.findall(r"`([A-Za-z_][\w.]*)\(\)`", ARCHITECTURE)
    assert functions and [name for name in functions if name not in endings()] == []
