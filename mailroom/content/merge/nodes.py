"""Nodes and expressions of a parsed template: all of them, however deep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.expression import Expression


def all_nodes(template: BoundTemplate) -> list[Node]:
    static, found = RenderContext(template), list(template.nodes)
    for node in found:  # which grows meanwhile
        found += node.children(static, include_partials=False)
    return found


def with_parts(expressions: Iterable[Expression]) -> Iterator[Expression]:
    waiting = list(expressions)
    while waiting:
        expression = waiting.pop()
        waiting += expression.children()
        yield expression
