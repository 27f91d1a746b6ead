"""Conditions of Liquid, as the author of a letter means them.

A spreadsheet knows only texts, and JSON has kinds of values: the same letter says the same with both.
So in conditions, and nowhere else, an empty text is nothing, a text that is a number is compared with
numbers as one, and `true` and `false`, in any case, are what they say. docs/merge-tags.md has the table.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import logical
from liquid.builtin.expressions.primitive import Blank, Literal
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.expression import Expression
from liquid.undefined import is_undefined

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,300}(\.[0-9]{1,300})?\s*").fullmatch
_BOOLEANS = {"true": True, "false": False}

_OPERANDS: dict[type[Expression], tuple[str, ...]] = {
    logical.BooleanExpression: ("expression",),
    logical.LogicalNotExpression: ("right",),
    logical.LogicalAndExpression: ("left", "right"),
    logical.LogicalOrExpression: ("left", "right"),
}


class _Truth(Expression):
    """The value of a part of a condition; nil where it says nothing, or no."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        super().__init__(expression.token)
        self.expression = expression

    def evaluate(self, context: RenderContext) -> object:
        value = self.expression.evaluate(context)
        if type(value) is bool:
            return value
        return None if _is_text(value) and value.strip().lower() in ("", "false") else value

    def children(self) -> list[Expression]:
        return [self.expression]


def _comparing(
    kind: type[Expression], nothing: str | None, of_texts: Callable[[str, str], bool]
) -> type[Expression]:
    """`kind` with its two sides made alike first; `nothing` is what an empty one is then. `of_texts` compares
    two that say something.
    """

    class Comparison(kind):  # type: ignore[misc, valid-type]
        __slots__ = ()

        def evaluate(self, context: RenderContext) -> object:
            left, right = self.left.evaluate(context), self.right.evaluate(context)
            if type(left) is str and left.strip():
                if type(right) is str and right.strip():
                    return of_texts(left, right)
                if type(right) is Blank and nothing == "":
                    return of_texts(left, nothing)
            sides = (_alike(left, right, nothing), _alike(right, left, nothing))
            return kind(self.token, *(Literal(self.token, side) for side in sides)).evaluate(context)

    return Comparison


_EQUAL: Any = _comparing(logical.EqExpression, "", operator.eq)

_COMPARISONS: dict[type[Expression], type[Expression]] = {
    logical.EqExpression: _EQUAL,
    logical.NeExpression: _comparing(logical.NeExpression, "", operator.ne),
    logical.LtExpression: _comparing(logical.LtExpression, None, operator.lt),
    logical.GtExpression: _comparing(logical.GtExpression, None, operator.gt),
    logical.LeExpression: _comparing(logical.LeExpression, None, operator.le),
    logical.GeExpression: _comparing(logical.GeExpression, None, operator.ge),
}


def _alike(value: object, other: object, nothing: str | None) -> object:
    """`value`, to be compared with `other`."""
    if is_undefined(value):
        return value
    if value is None or (_is_text(value) and not value.strip()):
        return nothing
    if not _is_text(value) or is_undefined(other):
        return value
    if isinstance(other, bool):
        return _BOOLEANS.get(value.strip().lower(), value)
    if isinstance(other, int | float) and (number := _NUMBER(value)):
        return float(value) if number[1] else int(value)
    return value


def _is_text(value: object) -> TypeGuard[str]:
    return issubclass(type(value), str)  # to ask what is undefined for its class is an error


def judge_as_meant(node: Node, parts: Callable[[Iterable[Expression]], Iterable[Expression]]) -> None:
    """Makes the conditions of one node read so. `parts`: expressions with all that is in them."""
    for expression in parts(node.expressions()):
        if kind := _COMPARISONS.get(type(expression)):
            expression.__class__ = kind  # the parser has no place to say so
        for side in _OPERANDS.get(type(expression), ()):
            setattr(expression, side, _Truth(getattr(expression, side)))
    if isinstance(node, MultiExpressionBlockNode):
        choice, equal = node.expression, _EQUAL
        choice.expressions = [equal(one.token, choice.left, one) for one in choice.expressions]
        choice.left = Literal(choice.token, True)
