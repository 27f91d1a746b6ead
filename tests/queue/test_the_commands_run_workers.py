from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailroom.content.addresses import parse_address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.queue import Queue
from tests.servers import Catcher, Valkey, wait_until
from tests.warm_processes import run_python

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "worker.py"]
RQ = [str(Path(sys.executable).parent / "rq"), "worker", "--worker-class", "mailroom.queue.Worker"]

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def env(settings_env: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **settings_env}


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def start(command: list[str], env: dict[str, str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def submit(env: dict[str, str], number: int = 3) -> None:
    content = Content(sender=parse_address("ann@example.org"), subject="Hello", text="Hello")
    recipients = [Recipient(f"reader{number}@example.org") for number in range(number)]
    database, queue = Database(env["DATABASE_URL"]), Queue(env["REDIS_URL"])
    assert accept(database, queue, Submission(content=content, recipients=recipients, columns=[])).enqueued
    database.dispose()


@pytest.mark.parametrize("command", [[*WORKER, "--workers", "2"], [*RQ, "urgent", "bulk"]])
def test_they_deliver_what_is_queued_and_end(
    run: Run, env: dict[str, str], catcher: Catcher, command: list[str]
) -> None:
    submit(env)
    process = run([*command, "--burst"], env)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(catcher.mails) == 3


def test_rq_reads_the_settings_of_a_local_run_beside_it(
    run: Run, env: dict[str, str], catcher: Catcher
) -> None:
    submit(env)
    home = Path(env["MAILROOM_HOME"])
    home.mkdir()
    local = {name: env.pop(name) for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_SERVER")}
    (home / "local.env").write_text("".join(f"{name}={value}\n" for name, value in local.items()))
    process = run([*RQ, "--burst", "urgent", "bulk"], env)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(catcher.mails) == 3


def test_rq_reads_the_address_of_redis_from_a_file(
    run: Run, env: dict[str, str], catcher: Catcher, tmp_path: Path
) -> None:
    submit(env)
    secret = tmp_path / "redis-url"
    secret.write_text(env.pop("REDIS_URL"))
    process = run([*RQ, "--burst", "urgent", "bulk"], env | {"REDIS_URL_FILE": str(secret)})
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(catcher.mails) == 3


@pytest.mark.parametrize("command", [WORKER, [*RQ, "urgent", "bulk"]])
def test_a_bad_setting_is_one_clear_line(run: Run, env: dict[str, str], command: list[str]) -> None:
    del env["REDIS_URL"]
    process = run(command, env)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.startswith("mailroom: REDIS_URL is not set") and said.count("\n") == 1


@pytest.mark.parametrize("number", ["0", "-1", "many", "1000"])
def test_a_bad_number_of_workers_is_refused(env: dict[str, str], number: str) -> None:
    done = run_python(["worker.py", f"--workers={number}"], os.environ | env)
    assert done.returncode == 2
    assert "--workers" in done.stderr


def test_the_pool_itself_opens_no_ledger_and_has_no_threads(
    run: Run, env: dict[str, str], valkey: Valkey, catcher: Catcher
) -> None:
    queue = Queue(valkey.url)
    process = run([*WORKER, "--workers", "1"], env)
    wait_until(lambda: queue.workers(), 20)
    submit(env)
    catcher.wait_for(3)
    proc = Path(f"/proc/{process.pid}")
    assert len(list((proc / "task").iterdir())) == 1
    assert not [fd for fd in (proc / "fd").iterdir() if "mailroom.db" in os.readlink(fd)]
    process.terminate()
    assert process.wait(10) == 0
