"""Console output of a local run: every line under the name of the process it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

COLOURS = (36, 33, 35, 34, 32, 31)
LONGEST_PRINTED_LINE = 64 * 1024
LABEL_WIDTH = 9


class Console:
    """One stream for all processes. `on_gone` is called when nobody reads it any more.

    `blot`: what nobody shall read is taken out of every line, whichever process wrote it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colours: bool,
        on_gone: Callable[[], None],
        blot: Callable[[str], str] = str,
    ) -> None:
        self._stream, self._colours, self._on_gone, self._blot = stream, colours, on_gone, blot
        self._names: list[str] = []
        self._gone = False

    def say(self, text: str) -> None:
        """A line of the run itself."""
        self._write(f"{text}\n")

    def line(self, name: str, text: str) -> None:
        self._write(f"{self._prefix(name)} {text}\n")

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        prefix = f"{name:<{LABEL_WIDTH}}|"
        if not self._colours:
            return prefix
        return f"\x1b[{COLOURS[self._names.index(name) % len(COLOURS)]}m{prefix}\x1b[0m"

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(self._blot(text))
            self._stream.flush()
        except (OSError, ValueError):  # its terminal was closed, or the pipe behind it
            self._gone = True
            with suppress(OSError):  # what is left in the stream is written at the end of the program
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._on_gone()


class Lines:
    """Cuts what a process writes, in whatever pieces it arrives, into lines for the console.

    Lines that contain `hide` are not shown.
    """

    def __init__(self, console: Console, name: str, hide: str = "") -> None:
        self._console, self._name, self._hide = console, name, hide
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_PRINTED_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._print(line)

    def end(self) -> None:
        if self._rest:
            self._print(self._rest)
        self._rest = b""

    def _print(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not (self._hide and self._hide in text):
            self._console.line(self._name, text)
