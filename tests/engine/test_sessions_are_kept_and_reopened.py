from __future__ import annotations

import time

from mailroom.ledger.states import State
from tests.engine.conftest import Start
from tests.invariants import check


def test_one_session_serves_one_job_after_another(start: Start) -> None:
    system = start(MAILROOM_CONNECTIONS="1")
    system.start_workers(1)
    for number in range(3):
        mailing = system.accept([f"p{number}@mail.example"])
        system.wait_until_over(mailing.mailing_id)
    assert len({message.connection for message in system.sink.messages()}) == 1


def test_one_that_died_while_it_waited_is_replaced_at_once(start: Start) -> None:
    system = start(MAILROOM_CONNECTIONS="1")
    system.start_workers(1)
    system.wait_until_over(system.accept(["first@mail.example"]).mailing_id)
    system.sink.stop(hard=True)
    system.sink.start()
    began = time.monotonic()
    second = system.wait_until_over(system.accept(["second@mail.example"]).mailing_id)
    assert second.counts[State.SENT] == 1
    assert time.monotonic() - began < 3, "it is no failure: nobody waits for a backoff"
    check(system.database, system.sink.messages(), accepted=2)


def test_one_that_died_unseen_costs_no_attempt(start: Start) -> None:
    """The server hangs up right after its 250, and may be heard too late or not at all."""
    system = start("any: drop after-250")
    system.start_workers(1)
    mailing = system.wait_until_over(system.accept(40).mailing_id)
    assert mailing.counts[State.SENT] == 40
    found = check(system.database, system.sink.messages(), accepted=40)
    assert found.extra == 0
    assert attempts(system) == 0


def test_a_421_in_the_middle_is_a_new_session_at_once(start: Start) -> None:
    system = start("every 7: reply mail 421 4.7.0 That is enough for one session")
    system.start_workers(1)
    mailing = system.wait_until_over(system.accept(50).mailing_id)
    assert mailing.counts[State.SENT] == 50
    check(system.database, system.sink.messages(), accepted=50)
    assert attempts(system) == 0


def test_a_drop_before_the_dot_is_tried_again_at_once(start: Start) -> None:
    system = start("every 9: drop rcpt", "every 11: drop data")
    system.start_workers(1)
    mailing = system.wait_until_over(system.accept(60).mailing_id)
    assert mailing.counts[State.SENT] == 60
    assert check(system.database, system.sink.messages(), accepted=60).extra == 0


def attempts(system: object) -> int:
    with system.database.read() as connection:  # type: ignore[attr-defined]
        return int(connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar_one())
