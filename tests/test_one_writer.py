"""A delivery's state has one writer, mailroom/ledger/moves.py: no other file can say UPDATE of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("*.py"), *ROOT.glob("jobs/**/*.py"), *ROOT.glob("mailroom/**/*.py")])
DOOR = ROOT / "mailroom" / "ledger" / "moves.py"
NEAR_THE_DRIVER = ROOT / "mailroom/ledger/deliveries/marks.py"
ANY_TABLE = {(ROOT / "mailroom/ledger/sweep/clock_jump.py", name) for name in ("_earlier", "_expire_by")}
"""Functions that update a table and a column which they are given. None is ever given deliveries."""

RAW = re.compile(
    r"update\s+(only\s+)?(\w+\.)?\W?deliveries\b|update\s*$|\binto\s+deliveries\b.*do\s+update", re.I | re.S
)
SCHEMA = "mailroom.ledger.schema"


def names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """What this module calls the table of deliveries, and what it calls the other tables."""
    deliveries, others = {"deliveries"}, set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == SCHEMA:
            for alias in node.names:
                (deliveries if alias.name == "deliveries" else others).add(alias.asname or alias.name)
    return deliveries, others - deliveries


def functions(tree: ast.Module) -> Iterator[ast.stmt]:
    """Top-level statements, and of a class its own ones."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.ClassDef) else [node]


def is_update(node: ast.AST, others: set[str]) -> bool:
    """Of the deliveries, or of a table that cannot be told to be another one."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    if last_name(node.func) != "update":
        return False
    if isinstance(node.func, ast.Attribute) and not called.endswith(("sa.update", "sqlalchemy.update")):
        return ast.unparse(node.func.value) in ("deliveries", "schema.deliveries")  # a table's own method
    return not node.args or ast.unparse(node.args[0]) not in others


def last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def may_set_a_state(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "state"
    if isinstance(node, ast.Dict):
        return any(key is None or "state" in ast.unparse(key) for key in node.keys)
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
        "values",
        "ordered_values",
    ):
        literal = all(isinstance(given, ast.Dict | ast.Tuple) for given in node.args)
        return not literal or any(given.arg is None for given in node.keywords)
    return isinstance(node, ast.Tuple) and "'state'" in map(ast.unparse, node.elts)


def writers(path: Path, source: str | None = None) -> list[str]:
    """Where a module may update a delivery's state."""
    tree = ast.parse(source if source is not None else path.read_text(encoding="utf-8"))
    deliveries, others = names(tree)
    found = []
    for statement in functions(tree):
        parts = list(ast.walk(statement))
        if (path, getattr(statement, "name", "")) in ANY_TABLE:
            continue
        method = any(
            isinstance(p, ast.Call) and ast.unparse(p.func) in {f"{name}.update" for name in deliveries}
            for p in parts
        )
        if (method or any(is_update(part, others) for part in parts)) and any(map(may_set_a_state, parts)):
            found.append(f"{path.relative_to(ROOT)}:{statement.lineno} may update deliveries.state")
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in set(ast.walk(tree)) - docstrings:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and RAW.search(node.value):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} says {node.value[:40]!r}")
        is_made = isinstance(node, ast.Call) and last_name(node.func) in ("Move", "moved")
        if is_made and path not in (DOOR, NEAR_THE_DRIVER):
            found.append(f"{path.relative_to(ROOT)} makes a move of its own")
    return found


def test_nobody_else_updates_a_delivery_s_state() -> None:
    assert [found for path in SOURCES if path != DOOR for found in writers(path)] == []


def test_who_may_update_any_table_is_never_given_deliveries() -> None:
    for path, name in ANY_TABLE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == name]
        assert calls
        assert not [call for call in calls if "deliveries" in ast.unparse(call)]


@pytest.mark.parametrize(
    "source",
    [
        "x = update(deliveries).where(a).values(state='sent')",
        "def f(c):\n    u = update(deliveries)\n    c.execute(u.values({'state': 'sent'}))",
        "def f(c):\n    c.execute(update(deliveries).values({deliveries.c.state: 'sent'}))",
        "def f(c, v):\n    c.execute(update(deliveries).values(v))",
        "def f(c, v):\n    c.execute(update(deliveries).values(**v))",
        "def f(c, v):\n    c.execute(sqlalchemy.update(deliveries).values({**v}))",
        "def f(c):\n    c.execute(deliveries.update().values(state='sent'))",
        f"from {SCHEMA} import deliveries as d\ndef f(c):\n    c.execute(d.update().values(state='sent'))",
        f"from {SCHEMA} import deliveries as d\ndef f(c):\n    c.execute(update(d).values(state='sent'))",
        "class A:\n    def f(self, c):\n        c.execute(update(deliveries).values(state='sent'))",
        "def f(c, table):\n    c.execute(update(table).values(state='sent'))",
        "def f(c):\n    c.execute(update(deliveries).ordered_values(('state', 'sent')))",
        "def f(c):\n    c.execute(text(\"UPDATE deliveries SET state = 'sent'\"))",
        "def f(c):\n    c.exec_driver_sql('update only public.deliveries set x = 1')",
        "def f(c, t):\n    c.exec_driver_sql(f'UPDATE {t} SET state = 1')",
        "def f(c):\n    c.execute(moves.moved(moves.Move((), a, '', '', '')))",
    ],
)
def test_a_second_writer_is_found(source: str) -> None:
    assert writers(ROOT / "mailroom" / "elsewhere.py", source) != []


@pytest.mark.parametrize(
    "source",
    [
        "def f(c):\n    c.execute(update(deliveries).where(deliveries.c.state == 'sent').values(due_at=1))",
        f"from {SCHEMA} import mailings\ndef f(c):\n    c.execute(update(mailings).values(state='done'))",
    ],
)
def test_who_writes_something_else_is_left_alone(source: str) -> None:
    assert writers(ROOT / "mailroom" / "elsewhere.py", source) == []
