"""Logging of Mailroom's processes: one line an event, on stderr, of ours and of the libraries alike.

No secret of the settings gets into a line, whoever writes it: not a library, not a traceback.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import Processor

from mailroom import files

AS_TEXT, AS_JSON = "text", "json"

IN_MORE_LINES = {"exc_info", "exception", "stack"}
NEEDS_QUOTES = re.compile(r"[ \t=\r\n\"']").search

BLOT = "***"
SHORTEST_SECRET = 4
"""Characters. A shorter one would be blotted out of words that have nothing to do with it."""


def configure(form: str = AS_TEXT, secrets: Iterable[str] = ()) -> None:
    """For a program, at its start, and again once it knows its settings.

    `json`: an object a line. `text`: with colours on a terminal; tracebacks without local variables,
    for those hold addresses.
    """
    files.open_standard_streams()
    sys.stderr = _blotted(sys.stderr, secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if form == AS_JSON else Stamper(),
    ]
    last = _renderer(form)
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=partial(_same, structlog.WriteLogger(sys.stderr)),
        cache_logger_on_first_use=False,
    )
    handler = LineHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)


def _same(logger: structlog.WriteLogger, *_: object) -> structlog.WriteLogger:
    """structlog would make one for each line."""
    return logger


class Stamper:
    """The local time, made into words once a second: for each line it would be a third of its cost."""

    def __init__(self) -> None:
        self._second, self._words = 0, ""

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        second = int(time.time())
        if second != self._second:
            words = datetime.fromtimestamp(second).astimezone().strftime("%Y-%m-%d %H:%M:%S%z")
            self._words, self._second = words, second
        event["timestamp"] = self._words
        return event


def _renderer(form: str) -> list[Processor]:
    if form == AS_JSON:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    is_terminal = sys.stderr.isatty()
    console = structlog.dev.ConsoleRenderer(
        colors=is_terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    return [console if is_terminal else partial(_plain, console)]


def _plain(console: Processor, logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
    """The same line, where it is one: most of its time went into colours and columns that it has not."""
    if not IN_MORE_LINES.isdisjoint(event):
        return console(logger, name, event)
    head = f"{event.pop('timestamp')} [{event.pop('level'):<9}] {event.pop('event')}"
    source = f" [{event.pop('logger')}]" if "logger" in event else ""
    return head + source + "".join([f" {key}={_shown(event[key])}" for key in sorted(event)])


def _shown(value: Any) -> str:
    is_word = isinstance(value, str) and NEEDS_QUOTES(value) is None
    return value if is_word else repr(value)


class LineHandler(logging.StreamHandler[Any]):
    """What the libraries log, as lines like ours."""


class Blotted:
    """A stream that shows no secret, and takes what it can: a full disk is no reason not to accept mail."""

    def __init__(self, stream: TextIO, secrets: frozenset[str]) -> None:
        self.stream, self.secrets = stream, secrets
        self._blot = blotter(secrets)

    def write(self, text: str | bytes) -> int:
        shown = self._blot(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        with suppress(OSError, ValueError):
            self.stream.write(shown)
        return len(text)

    @property
    def buffer(self) -> Blotted:
        """For who writes octets, as click does where a locale knows no UTF-8."""
        return self

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self.stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _blotted(stream: Any, secrets: Iterable[str]) -> Any:
    if isinstance(stream, Blotted):
        return Blotted(stream.stream, stream.secrets | frozenset(secrets))
    return Blotted(stream, frozenset(secrets))


def blotter(secrets: Iterable[str]) -> Callable[[str], str]:
    """What shows a text without them."""
    # The longest first: a URL before the password in it.
    shapes = sorted({shape for secret in secrets for shape in _shapes(secret)}, key=len, reverse=True)

    def blot(text: str) -> str:
        for shape in shapes:
            if shape in text:
                text = text.replace(shape, BLOT)
        return text

    return blot


def _shapes(secret: str) -> set[str]:
    """As it may stand in a line: plain or in parts, of a URL, of base64, and what Python or JSON quote."""
    octets = secret.encode("utf-8", "surrogateescape")
    plain = {secret, *secret.splitlines(), quote(octets, safe=""), b64encode(octets).decode()}
    quoted = {once for shape in plain for once in _quoted(shape)}
    twice = {twice for once in quoted for twice in _quoted(once)}  # the repr of it in a line of JSON
    return {shape for shape in plain | quoted | twice if len(shape) >= SHORTEST_SECRET}


def _quoted(text: str) -> set[str]:
    in_other_words = repr(f"'\"{text}")[4:-1]  # of a text with both kinds of quotes around it
    return {
        repr(text)[1:-1],
        in_other_words,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    }
