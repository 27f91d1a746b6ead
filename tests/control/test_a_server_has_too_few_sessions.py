"""A server that limits connections: who gets none leaves the mail to those who have one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from mailroom.ledger.relays import circuit
from mailroom.ledger.schema import sessions
from mailroom.ledger.states import State
from tests.servers import Valkey
from tests.system import System


@contextmanager
def limited(folder: Path, url: str, valkey: Valkey, *rules: str) -> Iterator[System]:
    """One session at a time, and workers that ask for one each."""
    options = ("--max-connections", "1")
    with System(folder, url, valkey.url, rules, *options, MAILROOM_CONNECTIONS="1") as system:
        yield system


def troubles(system: System) -> list[str]:
    with system.database.read() as connection:
        return [trouble.reply for trouble in circuit.troubled(connection)]


def test_others_go_on(tmp_path: Path, database_url: str, valkey: Valkey) -> None:
    with limited(tmp_path, database_url, valkey, "any: delay dot 0.01") as system:
        system.start_workers(2)
        mailing = system.accept(400)
        seen: list[str] = []

        def is_over() -> bool:
            seen.extend(troubles(system))
            return system.mailing(mailing.mailing_id).is_over

        system.wait(is_over, 30)
        assert seen == [], "the server was never in trouble"
        assert system.counts(mailing.mailing_id) == {"sent": 400}
        assert len(system.sink.messages()) == 400


def test_an_idle_worker_gives_up_its_session_for_one_that_has_mail(
    tmp_path: Path, database_url: str, valkey: Valkey
) -> None:
    with limited(tmp_path, database_url, valkey) as system:
        system.start_workers(1, "urgent")
        system.wait_until_over(system.accept(1).mailing_id)
        system.start_workers(1, "bulk")
        mailing = system.wait_until_over(system.accept(60).mailing_id)
        assert mailing.counts[State.SENT] == 60
        assert troubles(system) == []
        with system.database.read() as connection:
            owners = set(connection.execute(select(sessions.c.worker)).scalars())
        assert len(owners) == 2
