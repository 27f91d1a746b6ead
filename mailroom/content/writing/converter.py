"""Conversion of letters, by converter_program.py in its own process, which is kept while there is work.

Parsers of Markdown, MJML and CSS can be made to take long, to fill memory, and to end their process. It must
not be ours. This one also cannot open a file or a connection.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
import time
from typing import Any

from mailroom.content.writing import converter_program

CONVERTER_MEMORY = 768 << 20
"""Octets. What is loaded takes a third of it."""

CONVERTER_CPU_SECONDS = 3
CONVERTED_WITHIN_SECONDS = 20
WAIT_FOR_CONVERTER_SECONDS = 20
CONVERTER_IDLE_SECONDS = 60

LONGEST_SOURCE = 1 << 20
"""Characters of a letter as it is written."""

LONGEST_CONVERTED = 8 << 20
"""Octets of what is made of it."""


class NotConverted(ValueError):
    """A letter of which nothing could be made; `str()` is a sentence that says why."""


class ConverterBusy(NotConverted):
    """Nothing is wrong with the letter: the same may be converted in a minute."""

    def __init__(self) -> None:
        super().__init__(CONVERTER_BUSY)


SOURCE_TOO_LONG = f"This has more than {LONGEST_SOURCE >> 20} MB. Shorten it."
TOO_HARD = "This takes too much work to be converted. Shorten it, and nest its parts less deeply."
CONVERTER_BUSY = "Other letters are being converted just now. Try again in a minute."


class Converter:
    """One process, for one letter at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def convert(self, kind: str, source: str, **wishes: bool) -> dict[str, str]:
        """Raises NotConverted; ConverterBusy is one."""
        if len(source) > LONGEST_SOURCE:
            raise NotConverted(SOURCE_TOO_LONG)
        asked = json.dumps({"kind": kind, "source": source, **wishes}).encode()
        if not self._turn.acquire(timeout=WAIT_FOR_CONVERTER_SECONDS):
            raise ConverterBusy
        try:
            told = self._told(asked)
        finally:
            self._turn.release()
        if "problem" in told:
            raise NotConverted(told["problem"])
        return told

    def end(self) -> int:
        """Ends the process, and says how it ended; the next letter has a new one."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        return process.wait()

    def _told(self, asked: bytes) -> dict[str, str]:
        for _ in range(2):
            try:
                return _ask(self._running(), asked)
            except (OSError, EOFError):
                if self.end() != 0:  # it had no work for long, and ended at this very moment
                    break
        raise NotConverted(TOO_HARD)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.end()
        if self._process is None:
            # Without our environment, which holds secrets: nothing that is in a letter finds them there.
            command = [sys.executable, "-I", "-B", "-X", "utf8", converter_program.__file__]
            self._process = subprocess.Popen(
                [*command, *map(str, (CONVERTER_MEMORY, CONVERTER_CPU_SECONDS, CONVERTER_IDLE_SECONDS))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"RUST_BACKTRACE": "0"},
                bufsize=0,
            )
        return self._process


def _ask(process: subprocess.Popen[bytes], asked: bytes) -> dict[str, Any]:
    assert process.stdin and process.stdout
    until = time.monotonic() + CONVERTED_WITHIN_SECONDS
    process.stdin.write(len(asked).to_bytes(8) + asked)
    size = int.from_bytes(_read(process, 8, until))
    if size > LONGEST_CONVERTED:
        raise EOFError
    found: dict[str, Any] = json.loads(_read(process, size, until))
    return found


def _read(process: subprocess.Popen[bytes], size: int, until: float) -> bytes:
    assert process.stdout
    parts = []
    while size:
        if not select.select([process.stdout], [], [], max(0, until - time.monotonic()))[0]:
            raise TimeoutError
        part = process.stdout.read(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


_ours = Converter()


def converted(kind: str, source: str, **wishes: bool) -> dict[str, str]:
    """`kind`: markdown, mjml or inline. Raises NotConverted."""
    return _ours.convert(kind, source, **wishes)
