"""No mail waits, and a server is in trouble: an idle worker finds out when it is over, on both databases."""

from __future__ import annotations

from sqlalchemy import update

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.relays import circuit
from mailroom.ledger.schema import servers as servers_table
from mailroom.ledger.states import State
from tests.control.conftest import Start, on_both
from tests.system import System

SERVER = "mail.example:25"
LEASE = 3.0


def troubles(system: System) -> list[circuit.ServerTrouble]:
    with system.database.read() as connection:
        return circuit.troubled(connection)


def in_trouble_without_mail(system: System) -> None:
    """The server is found out to be in trouble, and then nobody wants to send there any more."""
    mailing = system.accept(1)
    system.wait(lambda: troubles(system))
    with system.database.begin() as connection:
        lifecycle.cancel(connection, mailing.mailing_id)
    system.wait(lambda: system.counts(mailing.mailing_id) == {"canceled": 1})


@on_both
def test_it_heals_by_itself(start: Start) -> None:
    system = start()
    system.sink.stop()
    system.start_workers(2, lease=LEASE)
    in_trouble_without_mail(system)
    system.wait(lambda: not troubles(system) or troubles(system)[0].failures >= 2)
    assert troubles(system), "it is still down"
    system.sink.start()
    system.wait(lambda: not troubles(system))
    assert system.sink.messages() == []
    mailing = system.wait_until_over(system.accept(3).mailing_id)
    assert mailing.counts[State.SENT] == 3


def test_one_that_wants_a_login_stays_in_trouble_until_it_is_content(start: Start) -> None:
    system = start("any: reply mail 530 5.7.0 Authentication required")
    system.start_workers(1, lease=LEASE)
    in_trouble_without_mail(system)
    system.wait(lambda: troubles(system) and troubles(system)[0].failures >= 2)
    assert "Authentication required" in troubles(system)[0].reply
    system.sink.set_rules([])
    system.wait(lambda: not troubles(system))


def test_mail_goes_first_and_then_one_worker_at_a_time(database: Database) -> None:
    with database.begin() as connection:
        assert not circuit.try_without_mail(connection, SERVER), "it is in no trouble"
        circuit.failed(connection, SERVER, "connect", None, "refused")
        assert not circuit.try_without_mail(connection, SERVER), "it is left alone"
        connection.execute(update(servers_table).values(closed_until=now_millis() - 100))
        assert not circuit.try_without_mail(connection, SERVER), "mail that waits may try it"
        connection.execute(update(servers_table).values(closed_until=now_millis() - circuit.MAIL_FIRST_MS))
        assert circuit.try_without_mail(connection, SERVER)
        assert not circuit.try_without_mail(connection, SERVER), "somebody is at it"
        assert not circuit.admit(connection, SERVER).is_open
