from __future__ import annotations

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.relays import circuit
from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System

SERVER = "mail.example:25"


def troubles(system: System) -> list[circuit.ServerTrouble]:
    with system.database.read() as connection:
        return circuit.troubled(connection)


@on_both
def test_it_burns_no_attempt_and_heals_by_itself(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    system = start()
    system.sink.stop()
    system.start_workers(2)
    mailing = system.accept(250)
    system.wait(lambda: troubles(system))
    trouble = troubles(system)[0]
    assert (trouble.stage, trouble.failures) == ("connect", 1)
    assert "cannot be reached" in trouble.reply
    assert system.counts(mailing.mailing_id) == {"queued": 250}
    system.sink.start()
    ended = system.wait_until_over(mailing.mailing_id, 30)
    assert ended.counts[State.SENT] == 250
    assert troubles(system) == []
    with system.database.read() as connection:
        burnt = connection.exec_driver_sql("SELECT max(attempts) FROM deliveries").scalar_one()
        tries = connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar_one()
    assert (burnt, tries) == (1, 0), "one attempt each: the one that succeeded"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("any: reply connect 554 5.7.1 not you", "not you"),
        ("any: reply mail 530 5.7.0 Authentication required", "Authentication required"),
    ],
)
def test_a_refused_login_is_no_delivery_s_fault(start: Start, rule: str, words: str) -> None:
    system = start(rule)
    system.start_workers(1)
    mailing = system.accept(3)
    system.wait(lambda: troubles(system))
    assert words in troubles(system)[0].reply
    system.sink.set_rules([])
    assert system.wait_until_over(mailing.mailing_id).counts[State.SENT] == 3


def test_it_is_tried_by_one_worker_at_a_time(database: Database) -> None:
    with database.begin() as connection:
        assert circuit.admit(connection, SERVER).is_open
        circuit.failed(connection, SERVER, "connect", None, "refused")
        assert not circuit.admit(connection, SERVER).is_open
        connection.exec_driver_sql("UPDATE servers SET closed_until = 0")
    with database.begin() as connection:
        first, second = circuit.admit(connection, SERVER), circuit.admit(connection, SERVER)
    assert (first.is_trial, second.is_open) == (True, False)
    with database.begin() as connection:
        circuit.healthy(connection, SERVER)
        again = circuit.admit(connection, SERVER)
    assert again == circuit.Admission(is_open=True, is_trial=False)


def test_many_failures_at_one_moment_are_one(database: Database) -> None:
    with database.begin() as connection:
        for _ in range(5):
            circuit.failed(connection, SERVER, "connect", None, "refused")
        (trouble,) = circuit.troubled(connection)
    assert trouble.failures == 1
    pause = (trouble.closed_until - trouble.since).total_seconds()
    assert 5 <= pause <= 6.1


def test_pauses_double_up_to_five_minutes_unless_the_server_names_one(database: Database) -> None:
    pauses = []
    with database.begin() as connection:
        for _ in range(12):
            circuit.failed(connection, SERVER, "auth", 535, "no", is_trial=True)
            row = connection.exec_driver_sql("SELECT closed_until - updated_at FROM servers").scalar_one()
            pauses.append(row / 1000)
        for pause, least in zip(pauses, [5, 10, 20, 40, 80, 160, 300, 300], strict=False):
            assert least <= pause <= least * 1.2 + 0.1
        circuit.failed(
            connection, SERVER, "connect", 421, "try again in 90 s", is_trial=True, pause_ms=90_000
        )
        row = connection.exec_driver_sql("SELECT closed_until - updated_at FROM servers").scalar_one()
    assert 89 <= row / 1000 <= 109
