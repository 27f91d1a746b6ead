"""The mail server misbehaves: faults 14 to 17."""

from __future__ import annotations

import time
from collections import Counter

from sqlalchemy import text

from mailroom.ledger import states
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.relays import circuit, parked_sessions
from tests.drills.drill import POOLED_TOO, drill
from tests.drills.stage import WORKERS, Stage


@drill(
    "14a",
    "the server drops before the dot",
    without="`outcome.scope == 'session'` in `Lane.outcome`: it counts as a failure, and the mail is late",
)
def drops_before_the_dot(stage: Stage) -> None:
    stage.build("every 13: drop rcpt", "every 17: drop data", MAILROOM_BACKOFF="1s", WATCH_LOOPS="1")
    stage.accept(stage.size(200, 3_000))
    stage.start_workers()
    stage.wait_until_over()
    stage.all_sent()
    assert stage.check().by_state == {states.SENT: stage.accepted}
    assert _tries(stage, states.DEFERRED) <= stage.accepted // 50, "few lost three sessions one after another"


@drill(
    "14b",
    "the server drops after the dot, mail taken",
    without="`resends == 0` in `picking.Picked.may_be_resent`: it is sent again and again, not once",
    ledgers=POOLED_TOO,
)
def drops_after_the_dot(stage: Stage) -> None:
    stage.build("chance 0.2: drop after-record", sink=("--seed", "4"))
    stage.accept(stage.size(200, 3_000))
    stage.start_workers()
    stage.wait_until_over()
    stage.extra_at_most = _doubtful(stage)
    stage.all_sent()
    copies = Counter(message.recipient for message in stage.system.sink.messages())
    assert max(copies.values()) == 2, "nobody gets a third copy"


@drill(
    "14c",
    "the server drops after the dot, mail taken, under `hold`",
    without="`if_unknown in IS_RESENT` in `picking.Picked.may_be_resent`: it is sent again unasked",
    ledgers=POOLED_TOO,
)
def drops_after_the_dot_under_hold(stage: Stage) -> None:
    stage.build("chance 0.03: drop after-record", sink=("--seed", "4"))
    stage.accept(stage.size(200, 3_000), if_unknown="hold")
    stage.start_workers()
    stage.wait_until_over()
    assert _doubtful(stage)
    stage.all_sent()


@drill(
    "14d",
    "the server drops after the dot, mail lost",
    without="`_in_doubt` in `Dialogue.verdict`: a mail that nobody has counts as sent",
)
def drops_at_the_dot(stage: Stage) -> None:
    stage.build("every 30: drop dot")
    stage.accept(stage.size(200, 3_000))
    stage.start_workers()
    stage.wait_until_over()
    stage.extra_at_most = 0
    stage.all_sent()


@drill(
    "14e",
    "the server drops right after its 250",
    without="`return reply` in `Dialogue.verdict`, were it to wait for what follows (as QUIT does in "
    "Flask-Mail): what was accepted is in doubt, and sent again",
)
def drops_after_its_250(stage: Stage) -> None:
    stage.build("every 5: drop after-250", MAILROOM_BACKOFF="1s")
    stage.accept(stage.size(200, 3_000))
    stage.start_workers()
    stage.wait_until_over()
    stage.all_sent()
    assert stage.check().by_state == {states.SENT: stage.accepted}


@drill(
    "15",
    "the server stalls at the dot, at MAIL, at connect",
    without="`timeout` in `Wire.reply`: a session waits for ever, and its batch with it",
)
def stalls(stage: Stage) -> None:
    stage.build(
        "message 20: stall dot",
        "message 50: stall mail",
        "connection 2: stall connect",
        MAILROOM_TIMEOUT="0.3",
        MAILROOM_BACKOFF="1s",
        WATCH_LOOPS="1",
    )
    stage.accept(stage.size(150, 2_000))
    stage.start_workers()
    stage.wait_until_over()
    stage.all_sent()


OTHERS = 20


@drill(
    "15b",
    "1, 2 and 4 sessions hang at connect, EHLO, MAIL, RCPT, DATA, the dot: others' mail leaves within 5 s",
    without="`self._leave_behind_what_only_waits()` in `BatchSender`: a job waits for its slowest session, "
    "and mail for it",
)
def some_hang_and_others_leave(stage: Stage) -> None:
    stage.build(MAILROOM_CONNECTIONS="5", WATCH_LOOPS="1")
    stages = ("connect", "ehlo", "mail", "rcpt", "data", "dot") if stage.full else ("connect", "mail", "dot")
    for place in stages:
        for number in (1, 2, 4) if stage.full else (4,):
            _others_leave(stage, place, number)
    stage.all_sent()


def _others_leave(stage: Stage, place: str, number: int) -> None:
    """While so many sessions hang there; then both workers are killed, and all that hung leaves as well."""
    system = stage.system
    system.sink.set_rules([f"first {number}: stall {place}"])
    pool = stage.start_workers()
    system.wait(lambda: len(system.queue.workers()) >= WORKERS)
    before = stage.accepted
    for _ in range(number + OTHERS):
        stage.accept(1)
    system.wait(lambda: _arrived_since(stage, before) >= OTHERS, 5)
    system.wait(lambda: _parked(stage) >= number, 5)
    system.sink.set_rules([])
    stage.kill_group(pool)
    pool = stage.start_workers()
    stage.wait_until_over()
    stage.kill_group(pool)  # the next ones shall have no open sessions
    system.wait(lambda: not system.queue.workers() and not _parked(stage))


def _arrived_since(stage: Stage, before: int) -> int:
    """How many of those who were accepted after so many others."""
    recipients = {message.recipient for message in stage.system.sink.messages()}
    return len(recipients & {f"person{number}@mail.example" for number in range(before, stage.accepted)})


def _parked(stage: Stage) -> int:
    with stage.system.database.read() as connection:
        return sum(there.sessions for there in parked_sessions.present(connection))


@drill(
    "16",
    "greylisting, 421, 550, 552, garbage",
    without="`failure.kind == 'permanent'` in `verdict.of_failure`: what is refused for good is tried for "
    "two days",
)
def refuses(stage: Stage) -> None:
    stage.build(
        "connection 1: reply connect 421 4.3.2 Not now",
        "rcpt *7@*: reply rcpt 550 5.1.1 No such user",
        "rcpt *8@*: reply dot 552 5.2.2 Mailbox full",
        "every 31: garbage rcpt",
        "rcpt *1@*: greylist 2",
        MAILROOM_BACKOFF="1s",
        WATCH_LOOPS="1",
    )
    stage.accept(stage.size(200, 2_000))
    stage.start_workers()
    stage.wait_until_over(90)
    tenth = stage.accepted // 10
    assert stage.check().by_state == {states.FAILED: 2 * tenth, states.SENT: 8 * tenth}


def _bad_certificate(kind: str) -> None:
    @drill(
        {"self-signed": "17a", "wrong-host": "17b", "expired": "17c"}[kind],
        f"{'an' if kind == 'expired' else 'a'} {kind} certificate: nothing sent, no password shown",
        without="`_context(server)` in `greeting._start_tls`: one that checks nothing sends all of it",
    )
    def shows_a_bad_certificate(stage: Stage) -> None:
        secret = "swordfish-4711"
        system = stage.build(
            sink=("--tls", "starttls", "--certificate", kind, "--auth", f"ann:{secret}"),
            MAIL_USE_TLS="true",
            MAIL_USERNAME="ann",
            MAIL_PASSWORD=secret,
        )
        mailing = stage.accept(stage.size(20, 500))
        stage.start_workers()
        system.wait(lambda: _troubles(stage), 20)
        time.sleep(stage.size(1, 5))
        (trouble,) = _troubles(stage)
        assert trouble.stage == "tls" and "certificate" in trouble.reply, trouble
        assert secret not in system.log and secret not in trouble.reply
        assert system.counts(mailing.mailing_id) == {"queued": stage.accepted}
        assert system.sink.count() == 0
        with system.database.begin() as connection:
            assert connection.execute(text("SELECT max(attempts) FROM deliveries")).scalar_one() == 0
            lifecycle.cancel(connection, mailing.mailing_id)
        stage.wait_until_over()
        assert stage.check().by_state == {states.CANCELED: stage.accepted}


for kind in ("self-signed", "wrong-host", "expired"):
    _bad_certificate(kind)


def _troubles(stage: Stage) -> list[circuit.ServerTrouble]:
    with stage.system.database.read() as connection:
        return circuit.troubled(connection)


def _doubtful(stage: Stage) -> int:
    """How often a reply did not come, so that a mail was or may be sent a second time."""
    return _tries(stage, states.UNKNOWN)


def _tries(stage: Stage, outcome: str) -> int:
    with stage.system.database.read() as connection:
        raw = text("SELECT count(*) FROM attempts WHERE outcome = :outcome")
        return int(connection.execute(raw, {"outcome": outcome}).scalar_one())
