"""A test finds the process as it was, whatever the one before it had in it. So each of these runs twice."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import tempfile
import threading
from operator import eq
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from mailroom import log, supervision
from mailroom.content import private_domains
from mailroom.engine import worker_process
from mailroom.engine.preflight import sender_domain
from mailroom.queue import Queue
from tests.inherited import umask
from tests.name_server import TextServer

twice = pytest.mark.parametrize("turn", ["first", "second"])


def fail(error: Exception) -> None:
    raise error


@twice
def test_what_failed_in_another_test_fails_no_more_and_is_logged_again(turn: str) -> None:
    assert supervision.troubles() == []
    with capture_logs() as lines:
        with supervision.attempt("the sweeper"):
            fail(RuntimeError())
        with supervision.attempt("probing", OSError):
            fail(OSError())
    assert [line["event"] for line in lines] == [
        "the sweeper failed, and tries again",
        "probing waits until it can go on",
    ]


@twice
def test_no_part_of_this_process_has_died(turn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not supervision.has_lost_a_part()
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(threading, "Timer", lambda *_: NoTimer())
    supervision.died("the event loop", RuntimeError())
    assert supervision.has_lost_a_part()


class NoTimer:
    def start(self) -> None:
        """Never comes."""


@twice
def test_private_domains_of_another_test_are_not_known(turn: str) -> None:
    assert not private_domains.are_any()
    private_domains.allow(("localhost", "*.local"))


@twice
def test_a_silent_name_server_is_asked(turn: str) -> None:
    with TextServer({}) as server:
        assert sender_domain._remembered == {}
        assert "is not in the DNS" in str(sender_domain.ask("acme.example", server.address)())
    assert sender_domain._remembered


@twice
def test_a_worker_tunes_this_process_for_its_own_test_only(
    turn: str, settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    assert before[0] == 0.005
    for name, value in settings_env.items():
        monkeypatch.setenv(name, value)
    queue = Queue(settings_env["REDIS_URL"])
    worker_process.start("ann", queue)
    worker_process.stop()
    queue.close()
    assert (sys.getswitchinterval(), gc.get_threshold()) != before


@twice
def test_what_a_program_inherits_is_as_it_was(turn: str, tmp_path: Path) -> None:
    before = handed_on()
    os.environ["SET_BY"] = "a test"
    os.chdir(tmp_path)
    os.umask(0o123)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    sys.path.append(str(tmp_path))
    tempfile.tempdir = str(tmp_path)
    assert not any(map(eq, before, handed_on()))
    assert "SET_BY" not in before[0] and before[2] != 0o123 and before[3] != signal.SIG_IGN


def handed_on() -> tuple[Any, ...]:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    here = dict(os.environ), Path.cwd(), umask(), signal.getsignal(signal.SIGTERM), limit
    return *here, [*sys.path], tempfile.gettempdir()


@twice
def test_lines_go_where_they_went(turn: str) -> None:
    assert isinstance(structlog.get_config()["logger_factory"], structlog.PrintLoggerFactory)
    log.configure()
    assert not isinstance(structlog.get_config()["logger_factory"], structlog.PrintLoggerFactory)
