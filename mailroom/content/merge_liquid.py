"""Merge tags that are more than a name: Liquid, with limits, and no way to Python objects."""

from __future__ import annotations

from functools import cache
from typing import Any

from liquid import Environment, StrictUndefined
from liquid.exceptions import (
    LiquidError,
    LocalNamespaceLimitError,
    LoopIterationLimitError,
    OutputStreamLimitError,
)

from mailroom.content.merge import MergeError, Values, crlf, text_of

LOOPS = 10_000
OUTPUT_BYTES = 16 << 20
NAMESPACE_BYTES = 256 << 10
FILTERED = 1 << 20
"""Characters that one filter may make of its input."""

TOO_MUCH = {
    LoopIterationLimitError: f"its loops run more than {LOOPS:,} times in all",
    OutputStreamLimitError: f"it makes a text of more than {OUTPUT_BYTES >> 20} MB",
    LocalNamespaceLimitError: f"its variables hold more than {NAMESPACE_BYTES >> 10} kB",
}
"""Our limits, in a person's words."""

# Partials need files, and there are none.
_REMOVED_TAGS = ("include", "render")
_ALLOWED_PARTS = {"size", "first", "last"}


class _Limited(Environment):
    loop_iteration_limit = LOOPS
    output_stream_limit = OUTPUT_BYTES
    local_namespace_limit = NAMESPACE_BYTES


@cache
def _environment(html: bool) -> Environment:
    environment = _Limited(undefined=StrictUndefined, autoescape=html)
    for tag in _REMOVED_TAGS:
        del environment.tags[tag]
    for name in ("replace", "join"):
        environment.add_filter(name, _bounded(environment.filters[name]))
    return environment


def _bounded(apply: Any) -> Any:
    """Replacing "" by a long text, or joining by one, multiplies: refused before it fills memory."""

    def bounded(value: Any, *arguments: Any, **options: Any) -> Any:
        size = len(value) if isinstance(value, str | list | tuple) else 1
        if (size + 1) * max((len(a) for a in arguments if isinstance(a, str)), default=1) > FILTERED:
            raise MergeError("a filter makes too long a text")
        return apply(value, *arguments, **options)

    for attribute in ("with_context", "with_environment", "filter_async"):
        if hasattr(apply, attribute):
            setattr(bounded, attribute, getattr(apply, attribute))
    return bounded


class LiquidTemplate:
    def __init__(self, source: str, *, html: bool) -> None:
        self._template = _parse(_lf(source), html)
        self._names = _analyze(self._template)

    def render(self, values: Values) -> str:
        # Every name is there, so that a recipient without a value gets an empty text.
        known = {name: _lf(text_of(values.get(name))) for name in self._names}
        try:
            return crlf(self._template.render(known))
        except (LiquidError, MergeError) as trouble:
            raise MergeError(f"The merge tags do not work for this recipient: {_words(trouble)}.") from None
        except Exception as trouble:  # a filter given what its author did not expect
            raise MergeError(f"The merge tags do not work for this recipient: {trouble}.") from trouble


def _lf(text: str) -> str:
    # Liquid's own output buffer would take CRLF apart.
    return text.replace("\r\n", "\n")


def names_in(source: str) -> list[str]:
    """The names that `source` expects to be given. Raises MergeError, also for unknown filters."""
    return _analyze(_parse(source, False))


def _parse(source: str, html: bool) -> Any:
    try:
        return _environment(html).from_string(source)
    except LiquidError as trouble:
        raise MergeError(f"The merge tags cannot be read: {_words(trouble)}.") from None


def _analyze(template: Any) -> list[str]:
    try:
        found = template.analyze(include_partials=False)
    except LiquidError as trouble:
        raise MergeError(f"The merge tags cannot be read: {_words(trouble)}.") from None
    for name in found.filters:
        if name not in template.env.filters:
            raise MergeError(f"There is no filter called {name}.")
    for uses in found.globals.values():
        for variable in uses:
            if any(part not in _ALLOWED_PARTS for part in variable.segments[1:]):
                raise MergeError(f"{{{{ {variable} }}}} asks for a part of a text, which has none.")
    return list(found.globals)


def _words(trouble: Exception) -> str:
    """One line: what is wrong, and on which line of the template."""
    message = str(trouble.args[0] if trouble.args else trouble).strip().rstrip(".")
    for kind, words in TOO_MUCH.items():
        message = words if isinstance(trouble, kind) else message
    context = trouble.context() if isinstance(trouble, LiquidError) else None
    return f"{message} (line {context[0]})" if context else message
