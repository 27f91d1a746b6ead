"""Globals of templates: one dictionary for all of them, for none of ours has globals of its own.

Jinja lays an empty one over it for each template, and whoever imports a macro then goes through all names by
hand: thirty names, for thirteen imports of a page.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from flask.templating import Environment


class SharedGlobals(Environment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals
