"""Merge tags that are more than a name: Liquid, with limits, and no way to Python objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Path
from liquid.builtin.expressions.primitive import RangeLiteral, StringLiteral
from liquid.exceptions import (
    BlockNestingError,
    ContextDepthError,
    LiquidError,
    LiquidInterrupt,
    LiquidSyntaxError,
    LocalNamespaceLimitError,
    LoopIterationLimitError,
    OutputStreamLimitError,
)
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.token import TOKEN_TAG, Token

from mailroom.content.merge.braces import two_braces
from mailroom.content.merge.budget import ITEMS, SHORTEN_ADVICE
from mailroom.content.merge.conditions import judge_as_meant
from mailroom.content.merge.filters import PRICES, metered
from mailroom.content.merge.local_filters import LOCAL_FILTERS
from mailroom.content.merge.plain import MergeError, Value, Values, crlf, text_of, value_of
from mailroom.content.merge.quick import QuickOutput, make_quick, set_lines_apart
from mailroom.content.merge.render import (
    NAMESPACE_BYTES,
    OUTPUT_BYTES,
    RenderBuffer,
    RenderWithBudget,
    WholeLines,
)
from mailroom.content.merge.source import counted, judge_source

LOOPS = 10_000

WORDS_AT_MOST = 300
"""Characters of a reason: a filter's own words may quote the whole value."""

TOO_MUCH: dict[type[Exception], str] = {
    LoopIterationLimitError: f"its loops run more than {LOOPS:,} times in all",
    OutputStreamLimitError: f"it makes a text of more than {OUTPUT_BYTES >> 20} MB",
    LocalNamespaceLimitError: f"its variables hold more than {NAMESPACE_BYTES >> 10} kB",
    BlockNestingError: "its blocks are nested too deeply",
    ContextDepthError: "its blocks are nested too deeply",
    RecursionError: "a condition or a path has too many parts",
    MemoryError: "it takes too much memory",
    ArithmeticError: "a number in it is too large to count with",
}
"""Our limits, in a person's words."""

# Partials need files, and there are none.
_REMOVED_TAGS = ("include", "render")
_ALLOWED_PARTS = {"size", "first", "last"}

NODE_STEPS = 30
EXPRESSION_STEPS = 6
"""Steps for a tag or a text between tags, for each name or value in it."""


class _Template(BoundTemplate):
    context_class = RenderWithBudget

    def filled(self, known: Values) -> RenderBuffer:
        """As `render`, without what templates within templates need. Raises LiquidError, and others."""
        context, buffer = RenderWithBudget(self, globals=known), RenderBuffer()
        for node in self.nodes:
            try:
                node.render(context, buffer)  # type: ignore[arg-type]
            except LiquidInterrupt as interrupt:
                raise LiquidSyntaxError(f"unexpected '{interrupt}'", token=node.token) from None
            except LiquidError as trouble:
                trouble.token = trouble.token or node.token
                raise
        return buffer


class _Limited(Environment):
    context_depth_limit = Environment.context_depth_limit - 1  # ours begin without a namespace of their own
    loop_iteration_limit = LOOPS
    output_stream_limit = OUTPUT_BYTES
    local_namespace_limit = NAMESPACE_BYTES
    template_class = _Template

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        cut = super().tokenizer()
        return lambda source: counted(cut(source))


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


def _put_meters(template: BoundTemplate) -> None:
    """Makes every block of the template pay for itself, and every range a short one."""
    static = RenderContext(template)
    waiting = [(template.nodes, Token(TOKEN_TAG, "", 0, ""))]
    while waiting:
        block, token = waiting.pop()
        steps, inner = NODE_STEPS, list(block)
        while inner:
            node = inner.pop()
            steps += NODE_STEPS + (len(node.text) >> 4 if isinstance(node, ContentNode) else 0)
            steps += sum(map(_steps_of, _with_parts(node.expressions())))
            judge_as_meant(node, _with_parts)
            for child in node.children(static, include_partials=False):
                if isinstance(child, BlockNode):
                    waiting.append((child.nodes, child.token))
                else:
                    inner.append(child)  # such as an elsif: looked at where the whole `if` is
        block.insert(0, _Meter(token, steps))


def _all_nodes(template: BoundTemplate) -> list[Node]:
    static, found = RenderContext(template), list(template.nodes)
    for node in found:  # which grows meanwhile
        found += node.children(static, include_partials=False)
    return found


def _with_parts(expressions: Iterable[Expression]) -> Iterator[Expression]:
    waiting = list(expressions)
    while waiting:
        expression = waiting.pop()
        waiting += expression.children()
        yield expression


def _steps_of(expression: Expression) -> int:
    if type(expression) is RangeLiteral:
        expression.__class__ = _Range  # the parser has no place to say so
    return EXPRESSION_STEPS + (len(expression.value) if isinstance(expression, StringLiteral) else 0)


@cache
def environment(html: bool) -> Environment:
    made = _Limited(undefined=StrictUndefined, autoescape=html)
    for tag in _REMOVED_TAGS:
        del made.tags[tag]
    offered = {**made.filters, **LOCAL_FILTERS}
    made.filters = {name: metered(name, apply) for name, apply in offered.items() if name in PRICES}
    return made


class LiquidTemplate:
    def __init__(self, source: str, *, html: bool) -> None:
        self._template = _parse(_lf(source), html)
        self._names = _analyze(self._template)
        _put_meters(self._template)
        for node in _all_nodes(self._template):
            make_quick(node, _with_parts)
        self.whole_lines = set_lines_apart(self._template)

    def render(self, values: Values) -> str:
        return crlf(self._filled(values).getvalue())

    def runs(self, values: Values) -> list[str]:
        """The same in parts, each of `whole_lines` as it stands there, by itself. Raises MergeError."""
        return [run if type(run) is WholeLines else crlf(run) for run in self._filled(values).runs()]

    def _filled(self, values: Values) -> RenderBuffer:
        # Every name is there, so that a recipient without a value gets an empty text.
        known = {name: _known(value_of(values, name)) for name in self._names}
        try:
            buffer: RenderBuffer = self._template.filled(known)
            return buffer
        except (LiquidError, MergeError) as trouble:
            raise MergeError(_for_recipient(trouble)) from None
        except Exception as trouble:  # a filter given what its author did not expect
            raise MergeError(_for_recipient(trouble)) from trouble


class _WatchedOutput(QuickOutput):
    """Tells its template when it puts out nothing."""

    __slots__ = ()

    def render(self, context: RenderContext, buffer: TextIO) -> int:
        text = to_liquid_string(self.expression.evaluate(context), context.autoescape)
        if not text.strip():
            context.template.emptied.update(  # type: ignore[attr-defined]
                str(part.path[0]) for part in _with_parts([self.expression]) if isinstance(part, Path)
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
    for node in _all_nodes(template):
        if type(node) is QuickOutput:
            node.__class__ = _WatchedOutput


class _Written(float):
    """A number that is printed as plain tags print it."""

    __str__ = text_of


def _known(value: Value) -> Value:
    """A value as Liquid gets it: numbers and truths are themselves, all else is a text."""
    if type(value) is str and "\r" not in value:
        return value
    if isinstance(value, float):
        return _Written(value)
    return value if isinstance(value, int) else _lf(text_of(value))


def _lf(text: str) -> str:
    # Liquid's own output buffer would take CRLF apart.
    return text.replace("\r\n", "\n")


def names_in(source: str) -> list[str]:
    """The names that `source` expects to be given. Raises MergeError, also for unknown filters."""
    return _analyze(_parse(source, False))


def _parse(source: str, html: bool) -> Any:
    try:
        judge_source(source)
        return environment(html).from_string(two_braces(source))
    except LiquidError as trouble:
        raise MergeError(_unreadable(trouble)) from None


def _analyze(template: Any) -> list[str]:
    try:
        found = template.analyze(include_partials=False)
    except Exception as trouble:  # such as TypeError for a path within a path within a path
        raise MergeError(_unreadable(trouble)) from None
    for name in found.filters:
        if name not in template.env.filters:
            raise MergeError(f"There is no filter called {name[:80]}.")
    for uses in found.globals.values():
        for variable in uses:
            if not all(isinstance(part, str) and part in _ALLOWED_PARTS for part in variable.segments[1:]):
                raise MergeError(f"{{{{ {str(variable)[:80]} }}}} asks for a part of a text, which has none.")
    return list(found.globals)


def _for_recipient(trouble: Exception) -> str:
    return f"The merge tags do not work for this recipient: {_words(trouble)}."


def _unreadable(trouble: Exception) -> str:
    if isinstance(trouble.__cause__, RecursionError | MemoryError):  # the parser wraps what it meets
        trouble = trouble.__cause__
    return f"The merge tags cannot be read: {_words(trouble)}."


def _words(trouble: Exception) -> str:
    """One line: what is wrong, and on which line of the template."""
    message = str(trouble.args[0] if trouble.args else trouble).strip().rstrip(".")
    message = message if len(message) <= WORDS_AT_MOST else f"{message[:WORDS_AT_MOST]}…"
    for kind, words in TOO_MUCH.items():
        message = words if isinstance(trouble, kind) else message
    context = trouble.context() if isinstance(trouble, LiquidError) else None
    return f"{message} (line {context[0]})" if context else message
