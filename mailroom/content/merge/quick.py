"""Quick nodes: they do what the library's do, with less around it, for every mail runs through them.

A parsed template is made of these by giving its nodes and expressions another class: the parser has no place
to say so. What they cost of a render's budget is what the library's own would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.logical import BooleanExpression, is_truthy
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.expression import Expression
from liquid.stringify import to_liquid_string

from mailroom.content.merge.render import WholeLines

WORTH_A_RUN = 200
"""Characters of whole lines, from which on they are kept apart, to be encoded once."""


class _Text(ContentNode):
    __slots__ = ()

    def render(self, context: RenderContext, buffer: Any) -> int:
        written: int = buffer.write(self.text)
        return written


class QuickOutput(OutputNode):
    __slots__ = ()

    def render(self, context: RenderContext, buffer: Any) -> int:
        value = self.expression.evaluate(context)
        # Letters and digits need no escaping, and most values are nothing else.
        if type(value) is not str or (context.autoescape and not value.isalnum()):
            value = to_liquid_string(value, context.autoescape)
        written: int = buffer.write(value)
        return written


class _Block(BlockNode):
    __slots__ = ()

    def render(self, context: RenderContext, buffer: Any) -> int:
        if self.blank:
            return self.render_to_output(context, buffer)
        written = 0
        for node in self.nodes:
            written += node.render(context, buffer)
        return written


class _If(IfNode):
    __slots__ = ()

    def render(self, context: RenderContext, buffer: Any) -> int:
        return self.render_to_output(context, buffer)


class _Name(Path):
    """A path that is a name alone."""

    __slots__ = ()

    def evaluate(self, context: Any) -> object:
        return context.get_named(self.path[0], self.token)


class _Condition(BooleanExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> bool:
        value = self.expression.evaluate(context)
        return value if type(value) is bool else is_truthy(value)


_QUICK_NODES: dict[type[Node], type[Node]] = {
    ContentNode: _Text,
    OutputNode: QuickOutput,
    BlockNode: _Block,
    IfNode: _If,
}


def make_quick(node: Node, parts: Callable[[Iterable[Expression]], Iterable[Expression]]) -> None:
    """Once it is known what the node costs. `parts`: expressions with all that is in them."""
    for expression in parts(node.expressions()):
        if type(expression) is Path and len(expression.path) == 1 and type(expression.path[0]) is str:
            expression.__class__ = _Name
        elif type(expression) is BooleanExpression:
            expression.__class__ = _Condition
    if isinstance(node, OutputNode) and type(node.expression) is FilteredExpression:
        node.expression = node.expression if node.expression.filters else node.expression.left
    node.__class__ = _QUICK_NODES.get(type(node), type(node))


def set_lines_apart(template: BoundTemplate) -> list[WholeLines]:
    """The lines that the template leaves as they are, each of them a node by itself from now on."""
    meter, *nodes = template.nodes
    apart = [part for at, node in enumerate(nodes) for part in _apart(node, is_first=at == 0)]
    template.nodes = [meter, *apart]
    return [node.text for node in apart if isinstance(node, _Text) and isinstance(node.text, WholeLines)]


def _apart(node: Node, *, is_first: bool) -> list[Node]:
    """The node; of a text of many whole lines, these apart from what begins and ends within a line."""
    if not isinstance(node, _Text):
        return [node]
    text = node.text
    start, end = 0 if is_first else text.find("\n") + 1, text.rfind("\n") + 1
    if end - start < WORTH_A_RUN:
        return [node]
    kept = [text[:start], WholeLines(text[start:end]), text[end:]]
    return [_Text(node.token, one) for one in kept if one]
