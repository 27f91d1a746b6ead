"""The legs of a race, one after the other, so that none disturbs another's time."""

from __future__ import annotations

from mailroom.database.engine import Database
from mailroom.queue import Queue
from mailroom.web.race.inline import send_inline
from mailroom.web.race.queued import look_for_arrival, send_queued
from mailroom.web.race.record import Race, Races


def run_next(database: Database, queue: Queue, races: Races, race: Race, slow_server: str) -> bool:
    """Runs the leg that is next and keeps what it measured. False: another request runs it."""
    with races.running(race.id) as mine:
        current = races.get(race.id)
        if not mine or current is None or len(current.legs) != len(race.legs):
            return False
        plan = race.next_plan
        assert plan is not None
        if plan.kind == "inline":
            leg = send_inline(slow_server, race.mails)
        else:
            leg = send_queued(database, queue, race.mails, plan.sessions)
        race.legs.append(leg)
        races.save(race)
    return True


def catch_up(database: Database, races: Races, race: Race) -> None:
    """Notes the arrival of a queued leg that has ended since somebody last looked."""
    if not race.legs or race.legs[-1].finished:
        return
    with database.read() as connection:
        if look_for_arrival(connection, race.legs[-1]):
            races.save(race)
