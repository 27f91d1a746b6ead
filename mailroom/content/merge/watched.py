"""Watched templates: they say which names came out empty where they stand."""

from __future__ import annotations

from typing import TextIO

from liquid import BoundTemplate, RenderContext
from liquid.builtin.expressions import Path
from liquid.stringify import to_liquid_string

from mailroom.content.merge.liquid import LiquidTemplate
from mailroom.content.merge.nodes import all_nodes, with_parts
from mailroom.content.merge.plain import Values
from mailroom.content.merge.quick import QuickOutput


class _WatchedOutput(QuickOutput):
    """Tells its template when it puts out nothing."""

    __slots__ = ()

    def render(self, context: RenderContext, buffer: TextIO) -> int:
        text = to_liquid_string(self.expression.evaluate(context), context.autoescape)
        if not text.strip():
            context.template.emptied.update(  # type: ignore[attr-defined]
                str(part.path[0]) for part in with_parts([self.expression]) if isinstance(part, Path)
            )
        return buffer.write(text)


class WatchedTemplate(LiquidTemplate):
    """One that says which names came out empty where they stand: behind a condition or with a default of
    their own they do not.
    """

    def __init__(self, source: str, *, html: bool) -> None:
        super().__init__(source, html=html)
        _watch(self._template)

    def emptied(self, values: Values) -> set[str]:
        """Raises MergeError, as `render`."""
        self._template.emptied = set()
        self.render(values)
        return {name for name in self._template.emptied if name in self._names}


def _watch(template: BoundTemplate) -> None:
    for node in all_nodes(template):
        if type(node) is QuickOutput:
            node.__class__ = _WatchedOutput
