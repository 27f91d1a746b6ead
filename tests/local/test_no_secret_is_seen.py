"""What a local run shows, to whoever looks at its pages, its lines or the list of processes: no secret."""

from __future__ import annotations

from pathlib import Path

from mailroom.log import blotter
from mailroom.settings import load
from tests.local.conftest import LocalRun

PAGES = ["/", "/settings", "/queue/", "/readyz", "/healthz", "/metrics", "/no/such/page", "/mailings/x?y=%00"]


def test_none_of_its_settings(running: LocalRun) -> None:
    headers = running.get(running.link.removeprefix(f"http://127.0.0.1:{running.port}"))[1]
    cookie = headers["Set-Cookie"].partition(";")[0]
    titles = [f"{process.name()} {process.cmdline()}" for process in running.processes()]
    pages = [running.get(page, cookie)[2] for page in PAGES]
    assert len(titles) >= 7 and all(pages)
    secrets = load({"MAILROOM_HOME": str(running.home)}).secrets
    blot = blotter(secrets)
    assert len(secrets) >= 3
    for shown in (*titles, *pages, running.printed):
        assert blot(shown) == shown


def test_its_file_is_nobody_else_s(running: LocalRun) -> None:
    assert running.link
    for path in (running.home / "local.env", Path(running.home / "valkey" / "valkey.conf")):
        assert path.stat().st_mode & 0o777 == 0o600
