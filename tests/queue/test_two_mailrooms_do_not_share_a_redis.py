"""Workers of two ledgers on one Redis database: who comes second does not start, the first one is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from mailroom.content.addresses import parse_address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine import neighbours
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import identity
from mailroom.ledger.backup import restore, save
from mailroom.ledger.people import users
from mailroom.queue import Queue, Worker
from mailroom.settings import Settings
from tests import postgres
from tests.servers import Valkey, wait_until

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "worker.py", "--workers", "1"]
RQ = [str(Path(sys.executable).parent / "rq"), "worker", "--worker-class", "mailroom.queue.Worker"]
WHAT_TO_DO = "give each a database of its own, as in REDIS_URL=redis://host:6379/1"


def name_of(url: str) -> str:
    database = Database(url)
    try:
        with database.read() as connection:
            return identity.of(connection)
    finally:
        database.dispose()


@pytest.fixture
def other_url(sqlite_url: str, tmp_path: Path) -> str:
    path = tmp_path / "other.db"
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), path)
    database = Database(f"sqlite:///{path}")
    with database.begin() as connection:
        identity.renew(connection)
    database.dispose()
    assert name_of(f"sqlite:///{path}") != name_of(sqlite_url)
    return f"sqlite:///{path}"


@pytest.fixture
def env(settings_env: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **settings_env}


def started(command: list[str], env: dict[str, str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


@pytest.fixture
def other_worker(env: dict[str, str], other_url: str) -> Iterator[subprocess.Popen[str]]:
    """Another Mailroom's, on our Redis."""
    worker = started(WORKER, {**env, "DATABASE_URL": other_url})
    yield worker
    worker.terminate()
    worker.communicate(timeout=15)


def test_a_worker_does_not_start_beside_another_ledger_s(
    env: dict[str, str], other_url: str, other_worker: subprocess.Popen[str], valkey: Valkey
) -> None:
    queue = Queue(valkey.url)
    wait_until(queue.workers, 30, "the other worker")
    [there] = queue.workers()
    assert there.ledger == name_of(other_url)
    for process in [started(command, env) for command in (WORKER, [*RQ, "urgent", "bulk"])]:
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 2
        [line] = [line for line in said.splitlines() if line.startswith("mailroom: ")]
        assert WHAT_TO_DO in line and f"{there.hostname} (pid {there.pid})" in line
    assert [worker.name for worker in queue.workers()] == [there.name]
    beside = started(WORKER, {**env, "DATABASE_URL": other_url})
    wait_until(lambda: len(queue.workers()) == 2, 30, "a second worker of the same ledger")
    beside.terminate()
    beside.communicate(timeout=15)
    queue.close()


def is_listed(valkey: Valkey, ledger: str) -> Worker:
    """A worker of that ledger, as it stands in Redis from one heartbeat on."""
    worker = Worker(["urgent", "bulk"], f"elsewhere-{ledger}", connection=valkey.client)
    worker.hostname, worker.pid = "elsewhere<b>", 4711
    worker._engine = SimpleNamespace(ledger=lambda: ledger)
    beat(worker, valkey)
    return worker


def beat(worker: Worker, valkey: Valkey) -> None:
    with valkey.client.pipeline() as pipe:
        worker.register(pipe, 30)
        pipe.execute()


@pytest.mark.parametrize("beats", [True, False])
def test_only_a_neighbour_that_beats_is_believed(
    sqlite_url: str, valkey: Valkey, beats: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A killed worker stays listed for half a minute: also that of a ledger which was here before."""
    monkeypatch.setattr(neighbours, "SURE_AFTER", 1.0)
    database, queue, neighbour = Database(sqlite_url), Queue(valkey.url), is_listed(valkey, "another")
    beating = threading.Timer(0.4, beat, (neighbour, valkey))
    if beats:
        beating.start()
    try:
        if beats:
            with pytest.raises(SystemExit) as left:
                neighbours.leave_if_any(database, queue)
            assert left.value.code == 2 and WHAT_TO_DO in capsys.readouterr().err
        else:
            neighbours.leave_if_any(database, queue)
            assert capsys.readouterr().err == ""
    finally:
        beating.cancel()
        queue.close()
        database.dispose()


def test_a_running_worker_says_who_joined(env: dict[str, str], valkey: Valkey, tmp_path: Path) -> None:
    worker = started(WORKER, env)
    queue = Queue(valkey.url)
    wait_until(queue.workers, 30, "our worker")
    is_listed(valkey, "another")
    in_vain = threading.Timer(25.0, worker.kill)
    in_vain.start()
    assert worker.stderr is not None
    line = next(line for line in worker.stderr if "takes jobs off our queues" in line)
    in_vain.cancel()
    worker.terminate()
    worker.communicate(timeout=15)
    assert "elsewhere" in line and "4711" in line
    queue.close()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["mailroom"].database.dispose()
    app.extensions["mailroom"].queue.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    with app.extensions["mailroom"].database.begin() as connection:
        token = users.owner_link(connection)
    client = app.test_client()
    client.get(f"/sign-in?token={token}")
    return client


WHO = "elsewhere_b_ (pid 4711)".replace("_", "?")


def workers_of(client: FlaskClient) -> dict[str, object]:
    found: dict[str, object] = (client.get("/readyz").json or {})["parts"]["workers"]
    return found


def test_pages_count_our_own_workers_and_name_the_others(
    app: Flask, client: FlaskClient, settings: Settings, valkey: Valkey
) -> None:
    here = app.extensions["mailroom"]
    people = [Recipient("reader@example.org")]
    content = Content(sender=parse_address("ann@example.org"), subject="Hello", text="Hello")
    mailing = accept(here.database, here.queue, Submission(content=content, recipients=people))
    is_listed(valkey, "another")
    assert not workers_of(client)["ok"] and WHO in str(workers_of(client)["why"])
    page = client.get(f"/mailings/{mailing.mailing_id}").text
    assert "No worker is running" in page and WHO in page
    assert "mailroom_workers 0.0" in client.get("/metrics").text
    assert (client.get("/queue/0/data/workers.json").json or {})["workers"] == []
    assert WHO in client.get("/queue/0/view/workers").text

    is_listed(valkey, name_of(settings.database_url))
    assert workers_of(client)["ok"] and str(workers_of(client)["why"]).startswith("1 running. Another")
    assert "mailroom_workers 1.0" in client.get("/metrics").text
    assert len((client.get("/queue/0/data/workers.json").json or {})["workers"]) == 1


def test_doctor_names_the_neighbour_and_the_way_out(app: Flask, valkey: Valkey) -> None:
    doctor: Callable[[], str] = lambda: app.test_cli_runner().invoke(args=["doctor"]).output  # noqa: E731
    assert "ok    neighbours" in doctor()
    is_listed(valkey, "another")
    [line] = [line for line in doctor().splitlines() if line.startswith("FAIL  neighbours")]
    assert WHO in line and WHAT_TO_DO in line


def test_what_is_restored_is_another_ledger(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{postgres.programs()}:{os.environ['PATH']}")
    before = name_of(database_url)
    save(database_url, tmp_path / "backup")
    restore(database_url, tmp_path / "backup", tmp_path / "kept", replace=True)
    assert name_of(database_url) != before
