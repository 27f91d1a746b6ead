"""Run a command that ends when its parent does: parent_death.py PARENT COMMAND...

A program that is killed with -9 cannot stop its children any more, so the kernel does
(Linux only): they get SIGTERM, and end as on Ctrl-C. A process of its own and not
subprocess's preexec_fn, which is unsafe in programs with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def command(words: list[str]) -> list[str]:
    """`words`, tied to the life of this process."""
    # By its path, isolated and without site packages: so it starts in 10 ms.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *words]


def adopt_orphans(adopt: bool = True) -> None:
    """What our processes leave behind when they die becomes our child, to be ended and reaped.

    Else it would be init's, and there are containers whose init reaps nobody.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt))


def end_with(parent: int) -> None:
    """This process gets SIGTERM when its parent dies; it ends here when that was before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    end_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
