"""A process of tests, anew for each of them: what another one set or was told for all of it is gone."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailroom import supervision
from mailroom.content import private_domains
from mailroom.engine.preflight import sender_domain
from tests.inherited import LIMITS, umask

OF_PYTEST = "PYTEST_CURRENT_TEST"

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)


@contextmanager
def remembered() -> Iterator[None]:
    """Nothing at first, but for the private domains of what was set up for several tests.

    What fails is told of for a quarter of a minute, and logged once in a minute; a name server that was
    silent is left alone for five. So another test, soon after it in the same process, would not be told.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_failed_at", "_logged_at", "_waiting", "_dead"):
            patch.setattr(supervision, name, type(getattr(supervision, name))())
        patch.setattr(sender_domain, "_remembered", {})
        for name in ("_names", "_endings"):
            patch.setattr(private_domains, name, getattr(private_domains, name))
        yield


@contextmanager
def as_it_was() -> Iterator[None]:
    """Afterwards, whatever was set meanwhile for the whole process."""
    environment, path, folder = dict(os.environ), [*sys.path], Path.cwd()
    temporary, mask, limits = tempfile.tempdir, umask(), {of: resource.getrlimit(of) for of in LIMITS}
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    for name in {*os.environ} - {*environment, OF_PYTEST}:
        del os.environ[name]
    for name, value in environment.items():
        if name != OF_PYTEST and os.environ.get(name) != value:
            os.environ[name] = value
    sys.path[:], tempfile.tempdir = path, temporary
    os.chdir(folder)
    os.umask(mask)
    for of, both in limits.items():
        resource.setrlimit(of, both)
    for number, handler in handlers.items():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
