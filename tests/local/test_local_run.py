"""One command starts everything, prints one link, and ends without a trace."""

from __future__ import annotations

import signal
import stat
import time
from email.message import EmailMessage
from smtplib import SMTP

import psutil
from redis import Redis

from mailroom.local import valkey
from mailroom.local.defaults import CATCHER_PORT
from mailroom.local.ports import listen, number
from tests import hang_ups
from tests.local.conftest import READY, LocalRun, Start
from tests.servers import wait_until


def listening(processes: list[psutil.Process]) -> set[str]:
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_it_prints_one_link_that_signs_the_owner_in(running: LocalRun) -> None:
    run = running
    path = run.link.removeprefix(f"http://127.0.0.1:{run.port}")
    assert len(READY.findall(run.printed)) == 1
    assert "\x1b" not in run.printed

    assert run.get("/mailings")[0] in (302, 303, 401)
    status, headers, _ = run.get(path)
    assert status in (302, 303)
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert run.get("/mailings", cookie)[0] == 200

    assert listening([run.process, *run.processes()]) == {"127.0.0.1"}
    assert stat.S_IMODE(run.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((run.home / "local.env").stat().st_mode) == 0o600


def test_what_it_keeps_is_there_in_the_next_run(start: Start) -> None:
    first = start()
    assert first.link
    secret = first.values["SECRET_KEY"]
    with Redis.from_url(first.values["REDIS_URL"]) as redis:
        redis.set("kept", "yes")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "kept", "a@example.org", "b@example.org"
    with SMTP("127.0.0.1", int(first.values["MAIL_PORT"])) as smtp:
        smtp.send_message(message)
    assert first.interrupt() == 0

    second = start(PORT=str(first.port))
    assert second.link != first.link
    assert "waiting for an earlier run" not in second.printed
    assert second.values["SECRET_KEY"] == secret
    with Redis.from_url(second.values["REDIS_URL"]) as redis:
        assert redis.get("kept") == b"yes"
    assert len(list((second.home / "inbox" / "new").iterdir())) == 1


def test_ctrl_c_leaves_no_process(start: Start) -> None:
    run = start()
    assert run.link
    assert len(run.processes()) >= 7  # valkey, two catchers, web and its workers, the pool and its workers
    assert run.interrupt(within=10) == 0
    assert run.left() == []
    assert "Traceback" not in run.printed


def test_it_goes_on_when_it_was_started_to_outlive_the_terminal(start: Start) -> None:
    with hang_ups.ignored():
        run = start()
    assert run.link
    for process in [run.process, *run.processes()]:
        if not {"valkey-server"} & set(" ".join(process.cmdline()).split("/")):
            process.send_signal(signal.SIGHUP)
    time.sleep(1)  # for whom it would end
    wait_until(run.answers, what="it answers")
    assert "ended (" not in run.printed and "stopping" not in run.printed
    assert run.interrupt() == 0
    assert run.left() == []


def test_a_terminal_that_hangs_up_ends_it(start: Start) -> None:
    run = start()
    assert run.link
    assert run.end(signal.SIGHUP) == 0
    assert run.left() == []


def test_a_second_ctrl_c_ends_it_at_once(start: Start) -> None:
    run = start()
    assert run.link
    run.process_of("worker.py").suspend()
    run.processes()
    run.process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping" in run.printed)
    assert run.interrupt(within=5) == 0
    assert run.left() == []


def test_killed_outright_it_takes_its_processes_along_and_can_start_again(start: Start) -> None:
    first = start()
    assert first.link
    first.processes()
    first.process.kill()
    second = start(PORT=str(first.port))  # at once: it waits for what is still ending
    assert second.link
    assert first.left() == []


def test_what_dies_is_started_again(start: Start) -> None:
    run = start()
    assert run.link
    for words in (["worker.py"], ["gunicorn"], ["valkey-server"], ["catcher", "--delay"]):
        kill_and_see(run, words)
    assert run.interrupt() == 0
    assert run.left() == []


def kill_and_see(run: LocalRun, words: list[str]) -> None:
    news = "(killed by SIGKILL); starting it again"
    told, killed = run.printed.count(news), run.process_of(*words)
    killed.kill()
    wait_until(lambda: run.printed.count(news) == told + 1, 20, f"the news of {words}")
    wait_until(lambda: is_there(run, words, killed.pid), 60, f"another {words}")
    wait_until(lambda: run.answers() and valkey.answers(run.values["REDIS_URL"]), 60, "answers")


def is_there(run: LocalRun, words: list[str], but: int) -> bool:
    try:
        return run.process_of(*words).pid != but
    except AssertionError:
        return False


def test_two_runs_live_beside_each_other(running: LocalRun, start: Start) -> None:
    other = start()
    assert other.link
    ports = ("MAIL_PORT", "MAILROOM_SLOW_SERVER", "MAILROOM_SUBMISSION_PORT")
    for name in ("REDIS_URL", "SECRET_KEY", "DATABASE_URL", *ports):
        assert running.values[name] != other.values[name]
    assert other.interrupt() == 0
    assert running.answers()


def test_a_second_run_in_the_same_home_is_refused(running: LocalRun, start: Start) -> None:
    second = start(running.home)
    assert second.process.wait(60) == 2
    assert second.printed == (
        f"mailroom: Mailroom is already running in {running.home} (process {running.process.pid}); "
        "for a second one choose another MAILROOM_HOME and PORT\n"
    )
    assert running.answers()


def test_a_busy_port_is_named_before_anything_starts(start: Start) -> None:
    with listen(0) as busy:
        port = number(busy)
        run = start(PORT=str(port))
        assert run.process.wait(60) == 2
    assert run.printed == f"mailroom: PORT {port} is in use by another program; try PORT={port + 1}\n"
    assert not (run.home / "local.env").exists()


def test_catchers_take_the_next_free_ports(running: LocalRun) -> None:
    mail_port = int(running.values["MAIL_PORT"])
    assert mail_port > CATCHER_PORT
    assert int(running.values["MAILROOM_SLOW_SERVER"].rpartition(":")[2]) > mail_port


def test_what_is_given_is_not_started(start: Start, settings_env: dict[str, str]) -> None:
    del settings_env["MAILROOM_HOME"]
    run = start(**settings_env)
    assert run.link
    words = [word for process in run.process.children() for word in process.cmdline()]
    assert not any("valkey-server" in word or "catcher" in word for word in words)
    assert run.values["MAIL_PORT"] == settings_env["MAIL_PORT"]
    assert "MAILROOM_SLOW_SERVER" not in run.values


def test_a_database_that_is_not_there_is_one_line(start: Start) -> None:
    run = start(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert run.process.wait(60) == 2
    last = run.printed.splitlines()[-1]
    assert last.startswith("mailroom: DATABASE_URL names a database that cannot be used: ")
    assert "Traceback" not in run.printed
