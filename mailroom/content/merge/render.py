"""Render of Liquid: what one of them knows, what it may still cost, and the text that it makes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.exceptions import LocalNamespaceLimitError, OutputStreamLimitError
from liquid.token import Token
from liquid.undefined import UNDEFINED

from mailroom.content.merge.budget import Budget, size_of
from mailroom.content.merge.plain import Values

OUTPUT_BYTES = 2 << 20
NAMESPACE_BYTES = 256 << 10

READ_STEPS = 10
"""Steps for looking a name up."""


class WholeLines(str):
    """Lines of a letter that Liquid leaves as they are, whoever gets it."""

    __slots__ = ()


class RenderBuffer:
    """Output buffer, bounded: what the library's LimitedStringIO is, with the texts kept apart until the end.
    `size`: octets so far.
    """

    __slots__ = ("_most", "_texts", "size")

    def __init__(self, most: int = OUTPUT_BYTES) -> None:
        self.size, self._most = 0, most
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        """Raises OutputStreamLimitError."""
        length = len(text)
        self.size += length if text.isascii() else len(text.encode("utf-8"))
        if self.size > self._most:
            raise OutputStreamLimitError("output stream limit reached", token=None)
        self._texts.append(text)
        return length

    def getvalue(self) -> str:
        return _lf("".join(self._texts))

    def runs(self) -> list[str]:
        """The same, each WholeLines by itself. There is always one, and only that one may be empty."""
        runs: list[str] = []
        waiting: list[str] = []
        for text in self._texts:
            if type(text) is not WholeLines:
                waiting.append(text)
                continue
            runs += [_lf("".join(waiting)), text]
            waiting = []
        runs.append(_lf("".join(waiting)))
        return [run for run in runs if run] or [""]


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class RenderWithBudget(RenderContext):
    """What one render knows, with its budget: what is read, kept and compared is paid for here."""

    __slots__ = ("_held", "budget")

    def __init__(self, template: BoundTemplate, *, globals: Values | None = None) -> None:
        super().__init__(template, globals=globals)
        self.budget = Budget()
        self._held = 0

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        return partial(self.env.filters[name], self)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        found = RenderContext.get(self, path, token=token, default=default)
        self.budget.spend(READ_STEPS + (len(found) >> 2 if isinstance(found, str) else size_of(found)))
        return found

    def get_named(self, name: str, token: Token) -> object:
        """As `get`, for a path that is a name."""
        try:
            found = self.scope[name]
        except KeyError:
            return self.get([name], token=token)
        self.budget.spend(READ_STEPS + (len(found) >> 2 if isinstance(found, str) else size_of(found)))
        return found

    def get_buffer(self, buf: Any = None) -> Any:
        """For what a block makes: not more than there is room for where it stands."""
        return RenderBuffer(OUTPUT_BYTES - (buf.size if isinstance(buf, RenderBuffer) else 0))

    def assign(self, key: str, val: Any) -> None:
        """Counts what is kept as it comes: to add up all variables each time is work as well."""
        before = self.locals.get(key)
        self._held += sys.getsizeof(val, 1) - (0 if before is None else sys.getsizeof(before, 1))
        if self._held > NAMESPACE_BYTES:
            raise LocalNamespaceLimitError("local namespace limit reached", token=None)
        self.locals[key] = val

    def cycle(self, key: object, length: int) -> int:
        self.budget.spend(size_of(key))
        return super().cycle(key, length)
