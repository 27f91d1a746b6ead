"""Meters: each block of a template pays for every run of it, and no range is a long one."""

from __future__ import annotations

from typing import TextIO

from liquid import BoundTemplate, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.primitive import RangeLiteral, StringLiteral
from liquid.expression import Expression
from liquid.token import TOKEN_TAG, Token

from mailroom.content.merge.budget import ITEMS, SHORTEN_ADVICE
from mailroom.content.merge.conditions import judge_as_meant
from mailroom.content.merge.nodes import with_parts
from mailroom.content.merge.plain import MergeError
from mailroom.content.merge.render import RenderWithBudget

NODE_STEPS = 30
EXPRESSION_STEPS = 6
"""Steps for a tag or a text between tags, for each name or value in it."""


class _Range(RangeLiteral):
    """A range that nobody can make too long: whoever looks at it may look at every number in it."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        numbers = super().evaluate(context)
        if numbers and numbers[-1] - numbers[0] >= ITEMS:
            raise MergeError(f"a range has more than {ITEMS:,} numbers. {SHORTEN_ADVICE}")
        assert isinstance(context, RenderWithBudget)
        context.budget.spend(len(numbers))
        return numbers


class _Meter(Node):
    """Stands first in a block, and pays for one run of it."""

    __slots__ = ("_steps",)

    def __init__(self, token: Token, steps: int) -> None:
        super().__init__(token)
        self._steps = steps

    def __str__(self) -> str:
        return ""

    def render(self, context: RenderContext, buffer: TextIO) -> int:
        # Not by way of render_to_output: it stands in every block.
        context.budget.spend(self._steps)  # type: ignore[attr-defined]
        return 0

    render_to_output = render


def put_meters(template: BoundTemplate) -> None:
    """Makes every block of the template pay for itself, and every range a short one."""
    static = RenderContext(template)
    waiting = [(template.nodes, Token(TOKEN_TAG, "", 0, ""))]
    while waiting:
        block, token = waiting.pop()
        steps, inner = NODE_STEPS, list(block)
        while inner:
            node = inner.pop()
            steps += NODE_STEPS + (len(node.text) >> 4 if isinstance(node, ContentNode) else 0)
            steps += sum(map(_steps_of, with_parts(node.expressions())))
            judge_as_meant(node, with_parts)
            for child in node.children(static, include_partials=False):
                if isinstance(child, BlockNode):
                    waiting.append((child.nodes, child.token))
                else:
                    inner.append(child)  # such as an elsif: looked at where the whole `if` is
        block.insert(0, _Meter(token, steps))


def _steps_of(expression: Expression) -> int:
    if type(expression) is RangeLiteral:
        expression.__class__ = _Range  # the parser has no place to say so
    return EXPRESSION_STEPS + (len(expression.value) if isinstance(expression, StringLiteral) else 0)
