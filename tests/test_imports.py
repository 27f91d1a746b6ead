"""Imports point one way: from what people and queues call, down to the database and the settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = [
    # what `database` and `settings` are made of
    {"files", "host_names", "in_parts", "memory", "proxies", "stop_signals", "supervision", "urls"},
    {"settings", "database", "log"},
    {"ledger", "content", "smtp", "imap", "http", "queue"},
    {"feedback"},
    {"engine"},
    {"web", "front", "cli", "jobs", "local", "sink", "flask", "submission"},
    {"app", "worker", "start"},
]
SIDEWAYS = {
    ("cli", "web"),  # a command may say what a page says
    ("submission", "front"),  # one crowd before both doors
}
RANKS = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
SOURCES = sorted([*ROOT.glob("*.py"), *ROOT.glob("jobs/**/*.py"), *ROOT.glob("mailroom/**/*.py")])


def module_of(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def part_of(module: str) -> str | None:
    """The part of Mailroom that a module belongs to; None for other people's modules."""
    first, *rest = module.split(".")
    if first == "mailroom":
        return rest[0] if rest and rest[0] != "__version__" else None  # a name of the package itself
    # Beside mailroom/ stand only these; `flask` there is Flask itself.
    return first if first in {"jobs", *LAYERS[-1]} else None


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that the file imports anywhere in it, with the line."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            # `from mailroom import cli` names a part only behind the `import`.
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def wrong_imports(path: Path) -> list[str]:
    own = part_of(module_of(path))
    if own is None:
        return []
    wrong = []
    for line, module in imported(path):
        part = part_of(module)
        if part in (None, own) or (own, part) in SIDEWAYS:
            continue
        only_start = part == "local" and own != "start"
        if only_start or RANKS[str(part)] >= RANKS[own]:
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}: {own} must not know {part}")
    return wrong


def test_every_part_has_its_place() -> None:
    parts = {part_of(module_of(path)) for path in SOURCES} - {None}
    assert parts <= RANKS.keys()


def test_imports_point_down() -> None:
    assert [wrong for path in SOURCES for wrong in wrong_imports(path)] == []


def reaches(module: str, imports: dict[str, set[str]]) -> set[str]:
    """Every module that importing this one imports too."""
    found: set[str] = set()
    new = imports[module]
    while new:
        found |= new
        new = {further for one in new for further in imports[one]} - found
    return found


def test_no_file_imports_itself_through_others() -> None:
    """Not for the types' sake either: what cannot be read alone is one file in two."""
    modules = {module_of(path): path for path in SOURCES}
    imports = {
        module: {name if name in modules else name.rpartition(".")[0] for _, name in imported(path)}
        & modules.keys() - {module}
        for module, path in modules.items()
    }
    assert [module for module in modules if module in reaches(module, imports)] == []


DIALECT_WORDS = re.compile(r"sqlite|postgres|psycopg", re.IGNORECASE)
NEAR_THE_DRIVER = {"dialect", "dialects", "cursor", "exec_driver_sql", "loaded_dbapi", "text"}
KNOWS_ITS_URL = {"mailroom/settings/reading.py", "mailroom/settings/values.py", "mailroom/urls.py"}


def words_of_the_database(path: Path) -> list[str]:
    """Where a file names a database, writes SQL as text, or reaches for the driver; comments may."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(said)) if id(node) not in docs and DIALECT_WORDS.search(said):
                found.append((node.lineno, said))
            case ast.keyword(arg=str(said)) if DIALECT_WORDS.search(said):
                found.append((node.lineno, said))
            case ast.Attribute(attr=said) if said in NEAR_THE_DRIVER - {"text"}:
                found.append((node.lineno, said))
            case ast.ImportFrom(module=str(said), names=names) if said.startswith("sqlalchemy"):
                found += [(node.lineno, one.name) for one in names if one.name in NEAR_THE_DRIVER]
                found += [(node.lineno, said)] if "dialects" in said else []
            case ast.Import(names=names):
                found += [(node.lineno, one.name) for one in names if DIALECT_WORDS.search(one.name)]
    return [f"{path.relative_to(ROOT)}:{line}: {said[:60]}" for line, said in found]


def test_how_sql_is_run_is_one_floor() -> None:
    above = [path for path in SOURCES if "database" not in path.parts]
    found = [words for path in above for words in words_of_the_database(path)]
    assert [words for words in found if words.partition(":")[0] not in KNOWS_ITS_URL] == []


def test_the_ledger_has_one_clock() -> None:
    """The database's: those of the processes may differ."""
    asks = re.compile(r"datetime\.now|utcnow|time\.time\(|time_ns")
    ledger = [path for path in SOURCES if "ledger" in path.parts]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in ledger
        for line in path.open()
        if asks.search(line)
    ]
    assert found == []
