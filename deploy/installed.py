"""Check of an installation, whether .venv holds the pins of a file as pip left them: installed.py FILE

Run by .venv's own Python with -I, so that nothing in the environment answers in its place. Exit code 0: yes;
1: something has yet to be installed; 2: something is broken, and all has to be made anew. Then it says what.

    installed.py --scripts   writes .venv/bin's programs anew, for a checkout that was moved
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

PIN = re.compile(r"([\w.-]+)(?:\[[\w,.-]+\])?==([^\s;#]+)")
COMPILED = {"argon2-cffi": "argon2", "MarkupSafe": "markupsafe", "pydantic_core": "pydantic_core"}
"""Modules that fail at once on a machine, or with a Python, that they were not installed for."""


class Broken(Exception):
    """`str()`: what."""


def pins(file: Path) -> Iterator[tuple[str, str]]:
    """Name and version."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from pins(file.parent / line.removeprefix("-r ").strip())
        elif found := PIN.match(line):
            yield found[1], found[2]


def missing(wanted: dict[str, str]) -> str | None:
    """The first pin that is not installed. Raises Broken."""
    for name, version in wanted.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            return f"{name} is not installed"
        if distribution.version != version:
            return f"{name} is {distribution.version}, not {version}"
        _check_files(distribution, name)
    for name in COMPILED.keys() & wanted.keys():
        try:
            import_module(COMPILED[name])
        except ImportError as error:
            raise Broken(f"{name} does not load: {error}") from None
    return None


def _check_files(distribution: metadata.Distribution, name: str) -> None:
    if distribution.read_text("INSTALLER") is None:
        raise Broken(f"{name} was not installed to its end")
    folder = Path(str(distribution.locate_file("")))
    for path, _, size in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        there = _size(folder / path)
        # A program was written anew when the checkout was moved; what is compiled may be at any time.
        may_differ = not size or path.startswith("../")
        if not path.endswith(".pyc") and (there is None or not (may_differ or there == int(size))):
            raise Broken(f"{path} is not as it was installed")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def write_scripts() -> None:
    scripts: Any = import_module("pip._vendor.distlib.scripts")  # pip has no other way to do it alone
    maker = scripts.ScriptMaker(None, str(Path(sys.executable).parent))
    maker.clobber, maker.set_mode, maker.variants = True, True, {""}
    for point in metadata.entry_points(group="console_scripts"):
        maker.make(f"{point.name} = {point.value}")


def main() -> int:
    if sys.argv[1:] == ["--scripts"]:
        write_scripts()
        return 0
    try:
        why, code = missing(dict(pins(Path(sys.argv[1])))), 1
    except Broken as broken:
        why, code = str(broken), 2
    if why is None:
        return 0
    print(why)
    return code


if __name__ == "__main__":
    sys.exit(main())
