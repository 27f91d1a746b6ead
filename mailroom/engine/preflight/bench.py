"""Bench: a process that builds messages for a preflight, and nothing else. Run by crew.py.

It reads a letter from standard input, then rows and recipients; it answers each with a Tally. It ends
with its parent, whose end closes the pipe. It is given no secret, and opens no file.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys

from mailroom.content.preflight.examiner import Examiner

MEMORY = 1 << 30
"""Octets of its address space: a letter's bounds keep it far below."""


def main() -> None:
    os.nice(10)  # mail and pages go first
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        examiner = Examiner(pickle.load(given))
        while True:
            pickle.dump(examiner.examine(*pickle.load(given)), answers)
            answers.flush()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        # Nobody listens any more, at exit either.
        os._exit(0)


if __name__ == "__main__":
    main()
