"""Real parts for every test: Valkey, SMTP, SQLite, PostgreSQL, Chromium. Started when first asked for.

valkey         .url, .client; empty at the start of a test, shared within an xdist worker
module_valkey  the same for what all tests of a module share: empty at its start
own_valkey     one for this test alone: .pause(), .go_on(), .kill(), .stop(), .start()
catcher        .port, .mails, .wait_for(n), .delay
sqlite_url     a migrated ledger in a file of its own
postgres_url   a migrated ledger in a database of its own
pooled_url     the same, through a PgBouncer in transaction mode (pooler)
each_loop      Python's own event loop, then uvloop's, for whatever makes one: the test runs twice
database_url   both of these, one after the other: the test runs twice
database       mailroom.database.engine.Database on database_url
settings_env   an environment that mailroom.settings.load() accepts, on the parts above (SQLite)
settings       load(settings_env)
chromium       the path of the browser
browser        Chromium, started once; its tabs are closed after each test
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from mailroom.database.engine import Database
from mailroom.ledger.migrate import upgrade
from mailroom.log import LineHandler
from mailroom.settings import EXPECTED_SETTINGS, FILED, Settings, load
from tests import anew, made_once, passwords, pgbouncer, postgres, scratch, side_by_side
from tests.servers import Catcher, Valkey

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from xdist.remote import Producer

CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
BROWSERS = (
    "chromium-headless-shell",  # a fifth of the work for each page: it draws no window around it
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)
UNSEEN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")
"""Pages that Chromium loads with each window, below its address bar: four tenths of the work of a tab."""
PLAYWRIGHT_S = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("TcpPortRandomizationWin", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
"""What Playwright leaves out, too: of two such lists Chromium heeds the last."""
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    f"--disable-features={','.join(UNSEEN + PLAYWRIGHT_S)}",
    "--renderer-process-limit=1",  # to start one for each tab is work
]
NO_CHROMIUM = "Chromium is missing; on Debian: apt-get install chromium-headless-shell, on Ubuntu: chromium"
IDLE_SECONDS = 0.4
NO_UVLOOP = "uvloop is missing: pip install -r requirements.txt"
NO_POSTGRES = "PostgreSQL is missing: pip install -r requirements-dev.txt"


def pytest_configure() -> None:
    """The hundreds of processes that tests start compile Mailroom once, not each of them anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ.setdefault("TMPDIR", str(scratch.folder()))
    tempfile.tempdir = None  # to be looked up again
    side_by_side.be_less_urgent()


def pytest_collection_finish() -> None:
    """Thousands of tests, and all that they loaded, are no garbage: never look through them again."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> list[str]:
    missing = [] if _browser() else [f"{NO_CHROMIUM} (browser tests are skipped)"]
    return missing if postgres.is_installed() else [*missing, NO_POSTGRES]


def pytest_xdist_auto_num_workers() -> int | None:
    """More than cores: many tests only wait for processes that they started."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + side_by_side.WAITERS


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> side_by_side.SideBySide | None:
    """In place of worksteal; whoever asks for another gets it."""
    return side_by_side.SideBySide(config, log) if config.getoption("dist") == "worksteal" else None


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no settings of whoever runs them; what they need they set themselves."""
    for name in (*EXPECTED_SETTINGS, *(f"{name}_FILE" for name in FILED)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _passwords_cost_little() -> None:
    passwords.cost_little()


@pytest.fixture(autouse=True, scope="session")
def _tracebacks_are_plain() -> dict[str, Any]:
    """As Mailroom's own are: with each value of each frame, one takes a second. How lines are written."""
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])
    return structlog.get_config()


@pytest.fixture(autouse=True)
def _the_log_goes_where_it_went(_tracebacks_are_plain: dict[str, Any]) -> None:
    """A program that a test, or what several tests share, runs in this process says where lines go."""
    structlog.configure(**_tracebacks_are_plain)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(handler)


@pytest.fixture(autouse=True)
def _it_begins_as_a_process_does() -> Iterator[None]:
    """What a worker or an application that a test has in this process sets or remembers for all of it."""
    with anew.as_it_was(), anew.remembered():
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_spinning() -> Iterator[None]:
    """A thread that a test leaves behind may wait, but not work: all tests after it would pay for it."""
    yield
    began = time.process_time()
    time.sleep(IDLE_SECONDS)
    worked = time.process_time() - began
    stacks = "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())
    assert worked < IDLE_SECONDS / 4, (
        f"{worked:.2f} s of work in {IDLE_SECONDS} s without any test:\n{stacks}"
    )


@pytest.fixture(autouse=True, scope="session")
def _all_is_made_once() -> Iterator[None]:
    """Not once for every application, or database, of a test."""
    with made_once.statements(), made_once.routes(), made_once.templates(), made_once.redis_version():
        yield


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def module_valkey(_valkey: Valkey) -> Valkey:
    return _emptied(_valkey)


@pytest.fixture
def valkey(_valkey: Valkey) -> Valkey:
    return _emptied(_valkey)


def _emptied(server: Valkey) -> Valkey:
    # A worker that the last test killed may still wait in BLPOP, and would take this test's job with it.
    server.client.client_kill_filter(_type="normal", skipme=True)
    server.client.flushall()
    return server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", append_only=True)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    server = Catcher()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "mailroom.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def _postgres() -> Iterator[postgres.Postgres]:
    if not postgres.is_installed():
        _missing(NO_POSTGRES)
    server = postgres.Postgres(scratch.folder())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _postgres_template(_postgres: postgres.Postgres) -> str:
    name = _postgres.create()
    upgrade(_postgres.url(name))
    return name


@pytest.fixture
def postgres_url(_postgres: postgres.Postgres, _postgres_template: str) -> Iterator[str]:
    name = _postgres.create(_postgres_template)
    yield _postgres.url(name)
    _postgres.drop(name)


@pytest.fixture(scope="session")
def pooler(_postgres: postgres.Postgres) -> Iterator[pgbouncer.PgBouncer]:
    if pgbouncer.program() is None:
        _missing(pgbouncer.NO_PGBOUNCER)
    pooler = pgbouncer.PgBouncer(_postgres)
    yield pooler
    pooler.stop()


@pytest.fixture
def pooled_url(pooler: pgbouncer.PgBouncer, postgres_url: str) -> str:
    return pooler.url(postgres_url.partition("@/")[2].partition("?")[0])


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings_env(tmp_path: Path, sqlite_url: str, valkey: Valkey, catcher: Catcher) -> dict[str, str]:
    return {
        "SECRET_KEY": "a secret for tests only",
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": valkey.url,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(catcher.port),
        "MAILROOM_HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def settings(settings_env: dict[str, str]) -> Settings:
    return load(settings_env)


@pytest.fixture(params=["asyncio", "uvloop"])
def each_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)  # as where it is not installed
        return
    try:
        from uvloop import new_event_loop
    except ImportError:
        _missing(NO_UVLOOP)
    for place in (asyncio, asyncio.events):
        monkeypatch.setattr(place, "new_event_loop", new_event_loop)


@pytest.fixture(scope="session")
def chromium() -> str:
    return _browser() or _missing(NO_CHROMIUM)


@pytest.fixture(scope="session")
def _chromium_with_its_loop(chromium: str) -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """Playwright's loop runs beneath us, in this thread: while asyncio knows it, nobody can run another."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a machine that runs all tests at once may keep a browser waiting
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def _running_browser(
    _chromium_with_its_loop: tuple[Browser, asyncio.AbstractEventLoop],
) -> Iterator[Browser]:
    """One for all modules, and the loop for those that look at pages: to start both takes seconds."""
    browser, loop = _chromium_with_its_loop
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


@pytest.fixture
def browser(_running_browser: Browser) -> Iterator[Browser]:
    yield _running_browser
    for context in _running_browser.contexts:
        context.close()


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _missing(message: str) -> str:
    """CI has everything, or has failed; elsewhere the tests that need it are skipped."""
    if CI:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
