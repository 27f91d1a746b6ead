"""A real Postfix takes everything, and sends some of it back: fault 22."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import select

from mailroom.feedback.report import ReportKind
from mailroom.ledger import states
from mailroom.ledger.schema import deliveries, reports
from tests import dovecot, postfix
from tests.dovecot import PASSWORD, Dovecot
from tests.drills.drill import drill
from tests.drills.stage import WORKERS, Stage
from tests.feedback.letters import BOUNCES
from tests.ports import own_port
from tests.postfix import Postfix
from tests.servers import wait_until
from tests.system import Pool
from tests.warm_processes import start_python

DOMAIN = BOUNCES.rpartition("@")[2]
RULES = ("rcpt gone*: reply rcpt 550 5.1.1 No such user", "rcpt late*: greylist 2")
Reader = Pool


def missing() -> str:
    """What this machine has not; "": nothing."""
    if not postfix.is_installed():
        return postfix.NO_POSTFIX
    return "" if dovecot.is_installed() else dovecot.NO_DOVECOT


@drill(
    "22a",
    "a Postfix bounces by LMTP, whose reader is killed",
    without="`take()` before the reply in `ReturnDesk._take`: what was answered is lost with the process",
    missing=missing,
)
def bounces_come_by_lmtp(stage: Stage) -> None:
    port = own_port()
    gone, late = _send(stage, f"lmtp:inet:127.0.0.1:{port}")
    environment = {
        **stage.system.environment,
        "MAILROOM_LMTP": f"127.0.0.1:{port}",
        "MAILROOM_SUBMISSION_PORT": str(own_port()),
    }
    log = stage.folder / "reader.log"
    _killed_at_random(
        stage, lambda: start_python(["-m", "mailroom.submission"], os.environ | environment, log), gone, late
    )


@drill(
    "22b",
    "a Postfix bounces into a Dovecot, whose reader is killed",
    without="`mailbox.put_aside` after `_take` in `MailboxWatch._take_new`: what was put aside is lost",
    missing=missing,
)
def bounces_come_by_imap(stage: Stage) -> None:
    server = Dovecot()
    stage.goes_with(server.remove)
    gone, late = _send(stage, f"lmtp:inet:127.0.0.1:{server.lmtp}")
    environment = {
        **stage.system.environment,
        "MAILROOM_BOUNCE_MAILBOX": server.url,
        "MAILROOM_BOUNCE_PASSWORD": PASSWORD,
        "MAILROOM_BOUNCE_TAKEN": "delete",
    }
    log = stage.folder / "reader.log"
    _killed_at_random(
        stage,
        lambda: start_python(["-m", "tests.feedback.watcher"], os.environ | environment, log),
        gone,
        late,
    )


def _send(stage: Stage, bounces: str) -> tuple[list[str], list[str]]:
    """Everything is handed over, and some of it is on its way back: who is gone, and who is late."""
    system = stage.build(*RULES, MAILROOM_BOUNCE_ADDRESS=BOUNCES, MAILROOM_BOUNCES_PAUSE_AT="0")
    relay = Postfix(system.sink.port, DOMAIN, bounces)
    stage.goes_with(relay.remove)
    size = stage.size(100, 1_000)
    gone = [f"gone{number}@mail.example" for number in range(size // 10)]
    late = [f"late{number}@mail.example" for number in range(size // 50)]
    others = [f"person{number}@mail.example" for number in range(size - len(gone) - len(late))]
    random.shuffle(people := [*gone, *late, *others])
    stage.accepted += size
    stage.mailings.append(system.accept(people).mailing_id)
    system.start_workers(WORKERS, lease=stage.lease, MAIL_PORT=str(relay.port))
    stage.wait_until_over()
    return gone, late


def _killed_at_random(stage: Stage, started: Callable[[], Reader], gone: list[str], late: list[str]) -> None:
    for _ in range(stage.size(4, 15)):
        reader = started()
        before, until = _number_told(stage), time.monotonic() + random.uniform(2, 4)
        while _number_told(stage) < before + 3 and time.monotonic() < until:
            time.sleep(0.005)
        with suppress(ProcessLookupError):
            os.kill(reader.pid, signal.SIGKILL)
        reader.wait(10)
        stage.kills += 1
    reader = started()
    try:
        wait_until(lambda: _number_told(stage) >= len(gone) + len(late), 90, "what came back")
        stage.system.wait(lambda: _in_sink(stage) == stage.accepted - len(gone), 60)
        stage.rest(1, 1)  # what comes twice comes now
    finally:
        with suppress(ProcessLookupError):
            os.kill(reader.pid, signal.SIGTERM)
        reader.wait(10)
    told = _told(stage)
    assert sorted(address for kind, address in told if kind == ReportKind.BOUNCED) == sorted(gone)
    assert sorted(address for kind, address in told if kind == ReportKind.DELAYED) == sorted(late)
    assert len(told) == len(gone) + len(late), "each was counted once, and is of its delivery"
    (mailing_id,) = stage.mailings
    wanted = {states.BOUNCED: len(gone), states.SENT: stage.accepted - len(gone)}
    assert stage.system.counts(mailing_id) == wanted


def _in_sink(stage: Stage) -> int:
    return len(stage.system.sink.messages())


def _number_told(stage: Stage) -> int:
    return int(str(stage.value("SELECT count(*) FROM reports")))


def _told(stage: Stage) -> list[tuple[str, str]]:
    """Kind and address of each fact, whose delivery must be known."""
    with stage.system.database.read() as connection:
        of = select(reports.c.kind, deliveries.c.address).outerjoin(
            deliveries, deliveries.c.id == reports.c.delivery_id
        )
        return [(kind, address) for kind, address in connection.execute(of)]
