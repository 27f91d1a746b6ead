"""Contextual escaping in script templates, where Jinja escapes nothing."""

from __future__ import annotations

import re

from jinja2 import Environment
from jinja2.ext import Extension

SCRIPTS = (".js", "_js.html")

PRINT = re.compile(r"\{\{([-+]?)(.*?)([-+]?)\}\}", re.DOTALL)
JSON = re.compile(r"\|\s*tojson\s*(\|\s*safe\s*)?$")
"""Safe in a script as it stands: Flask writes <, >, & and ' in it as escapes."""

UNPLAIN = re.compile("[^A-Za-z0-9_.-]")


class ScriptPrints(Extension):
    """Whatever a script template prints is JSON, or is escaped by `in_script`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["in_script"] = in_script

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return PRINT.sub(_escaped, source) if name and name.endswith(SCRIPTS) else source


def _escaped(found: re.Match[str]) -> str:
    left, printed, right = found.groups()
    return found[0] if JSON.search(printed.strip()) else f"{{{{{left} ({printed})|in_script {right}}}}}"


def in_script(value: object) -> str:
    """The value inside a string of any quotes; outside of one, a syntax error rather than code."""
    return UNPLAIN.sub(lambda found: "".join(map("\\u{:04x}".format, _utf_16(found[0]))), str(value))


def _utf_16(character: str) -> list[int]:
    pairs = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(pairs[at : at + 2]) for at in range(0, len(pairs), 2)]
