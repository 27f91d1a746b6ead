"""A process that was started tied ends when its parent is gone, however it went."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from mailroom.local import parent_death
from tests.servers import wait_until

PARENT = """
import subprocess, sys, time
from mailroom.local import parent_death
child = subprocess.Popen(parent_death.command(["sleep", "60"]), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel does this")


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: child.name() == "sleep", what="the command")
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="its end")


def test_it_runs_the_command_as_it_is() -> None:
    words = parent_death.command(["printf", "%s|", "a b", "*", ""])
    assert subprocess.check_output(words) == b"a b|*||"
