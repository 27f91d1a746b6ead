"""Merge tags that are more than a name: Liquid, with limits, and no way to Python objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from liquid import BoundTemplate, Environment, StrictUndefined
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
from liquid.token import Token

from mailroom.content.merge.braces import two_braces
from mailroom.content.merge.filters import PRICES, metered
from mailroom.content.merge.local_filters import LOCAL_FILTERS
from mailroom.content.merge.meters import put_meters
from mailroom.content.merge.nodes import all_nodes, with_parts
from mailroom.content.merge.plain import MergeError, Value, Values, crlf, text_of, value_of
from mailroom.content.merge.quick import make_quick, set_lines_apart
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
        put_meters(self._template)
        for node in all_nodes(self._template):
            make_quick(node, with_parts)
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
