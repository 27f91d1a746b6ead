"""A ledger or a Redis that hangs: what watches over a web process is answered within seconds, and told so."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread

import psutil
import psycopg
from flask import Flask
from sqlalchemy import make_url

from app import create_app
from mailroom.ledger.people import api_keys
from mailroom.settings import Settings
from tests.postgres import Postgres
from tests.servers import Valkey, wait_until
from tests.web.watching import ledger
from tests.web_server import WebServer

IN_TIME = 5.0
"""Seconds: half of what Prometheus waits."""


@contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    """Every process of it stands still, as on a machine that is paused."""
    main = psutil.Process(server.process.pid)
    processes = [main, *main.children()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def key(app: Flask) -> dict[str, str]:
    with ledger(app).begin() as connection:
        secret, _ = api_keys.add(connection, "prometheus", scopes=(api_keys.READ,))
    return {"Authorization": f"Bearer {secret}"}


def timed(ask: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < IN_TIME
    return answer


def metrics(app: Flask, headers: dict[str, str]) -> tuple[int, str]:
    answer = app.test_client().get("/metrics", headers=headers)
    return answer.status_code, answer.text


def test_a_table_that_is_locked_leaves_the_figures_of_the_queue(
    settings: Settings, postgres_url: str
) -> None:
    app = create_app(settings.model_copy(update={"database_url": postgres_url}))
    headers = key(app)
    assert "mailroom_ledger_up 1.0" in metrics(app, headers)[1]
    with psycopg.connect(postgres_url) as somebody:
        somebody.execute("LOCK TABLE mailings IN ACCESS EXCLUSIVE MODE")
        status, text = timed(lambda: metrics(app, headers))
        somebody.rollback()
    assert status == 200 and "mailroom_ledger_up 0.0" in text and "mailroom_queue_up 1.0" in text
    assert "mailroom_deliveries" not in text, "no figure is better than a wrong one"


def test_a_redis_that_hangs_leaves_the_figures_of_the_ledger(app: Flask, valkey: Valkey) -> None:
    headers = key(app)
    valkey.pause()
    try:
        status, text = timed(lambda: metrics(app, headers))
    finally:
        valkey.go_on()
    assert status == 200 and "mailroom_ledger_up 1.0" in text and "mailroom_queue_up 0.0" in text


def test_sqlite_that_another_program_locks_for_itself(app: Flask) -> None:
    headers = key(app)
    ledger(app).dispose()
    path = make_url(ledger(app).url).database or ""
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("PRAGMA locking_mode = EXCLUSIVE")
        somebody.execute("BEGIN EXCLUSIVE")
        status, text = timed(lambda: metrics(app, headers))
        ready = timed(lambda: ((answer := app.test_client().get("/readyz")).status_code, answer.text))
        somebody.execute("ROLLBACK")
    assert status == 503 and "The ledger cannot be asked who you are" in text
    assert ready[0] == 503
    wait_until(lambda: metrics(app, headers)[0] == 200, 40, "figures")


def test_a_doctor_is_not_kept_waiting(settings: Settings, postgres_url: str, _postgres: Postgres) -> None:
    app = create_app(settings.model_copy(update={"database_url": postgres_url}))
    key(app)
    with frozen(_postgres):
        began = time.monotonic()
        done = app.test_cli_runner().invoke(args=["doctor"])
        assert time.monotonic() - began < 15 + IN_TIME
    assert done.exit_code == 1 and "no answer within" in done.output


def test_probes_are_answered_while_every_thread_waits_for_a_database_that_stands_still(
    settings_env: dict[str, str], postgres_url: str, _postgres: Postgres, tmp_path: Path
) -> None:
    with WebServer(tmp_path, {**settings_env, "DATABASE_URL": postgres_url}) as web, ExitStack() as after:
        headers = {"Authorization": f"Bearer {web.new_key()}"}
        cookie, _ = web.sign_in()

        def ask(path: str, **more: str) -> tuple[int, str]:
            status, body = web.ask("GET", path, headers={**headers, **more}, patience=30)
            return status, body.decode()

        assert ask("/metrics")[0] == ask("/metrics", Cookie=cookie)[0] == 200
        with frozen(_postgres):
            for _ in range(6):  # three times its threads
                reader = Thread(target=ask, args=("/mailings",), kwargs={"Cookie": cookie})
                reader.start()
                after.callback(reader.join)
            time.sleep(0.5)
            assert timed(lambda: ask("/healthz"))[0] == 200
            status, text = timed(lambda: ask("/readyz"))
            assert status == 503 and "no answer within" in text
            for _ in range(3):
                status, text = timed(lambda: ask("/metrics"))
                assert status == 503 and "The ledger cannot be asked who you are" in text
        wait_until(lambda: ask("/metrics")[0] == 200, 20, "figures")
        assert "mailroom_ledger_up 1.0" in ask("/metrics")[1]
