"""Web and workers are killed around the tick of a repeat: fault 23."""

from __future__ import annotations

import os
import signal
import time
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from mailroom.engine.repeats import planning
from mailroom.ledger.repeats import repeats, ticks
from mailroom.ledger.schema import repeats as repeats_table
from tests.drills.drill import drill
from tests.drills.stage import Stage
from tests.web_server import WebServer

TICKS_AFTER = 1.0
"""Seconds from when it is kept."""


@drill(
    "23",
    "kill -9 of web and workers around the tick of a repeat",
    without="`ticks.take()` in `keys.take_tick`: what was made before a death is made again",
)
def a_tick_is_made_once(stage: Stage) -> None:
    system = stage.build("any: delay dot 0.005")
    small, large = stage.size(20, 50), stage.size(3_000, 20_000)  # in one transaction, and in several
    pool = stage.start_workers()
    with WebServer(system.folder, system.environment, "--workers 1 --threads 4") as web:
        cookie, token = web.sign_in()
        kept = [_keep(stage, web, cookie, token, count) for count in (small, large)]
        planned = datetime.now(UTC) + timedelta(seconds=TICKS_AFTER)
        with system.database.begin() as connection:
            connection.execute(update(repeats_table).values(next_at=planned))
        os.killpg(web.process.pid, signal.SIGKILL)
        stage.kills += 1
    until = planned.timestamp() + stage.size(3, 6)
    time.sleep(max(0, planned.timestamp() - time.time() - 0.2))
    while time.time() < until:  # before, within and after it
        stage.rest(0.05, 0.7)
        stage.kill_group(pool)
        pool = stage.start_workers()
    for uid in kept:
        system.wait(lambda uid=uid: _made(stage, uid), 60)  # type: ignore[misc]
    stage.wait_until_over(120)
    assert [len(_made(stage, uid)) for uid in kept] == [1, 1]
    assert stage.value("SELECT count(*) FROM mailings WHERE state <> 'staged'") == len(kept)
    with system.database.read() as connection:
        later = [repeats.find(connection, uid) for uid in kept]
    assert all(one is not None and planning.upcoming(one, 1)[0] > datetime.now(UTC) for one in later)
    stage.all_sent()


def _keep(stage: Stage, web: WebServer, cookie: str, token: str, count: int) -> str:
    """A repeat to people who get no other one, as the page makes it; its uid."""
    first = stage.accepted
    stage.accepted += count
    fields = {
        "csrf_token": token,
        "idempotency_key": str(uuid.uuid4()),
        "sender": "post@mailroom.example",
        "subject": "Hello",
        "text": "Hello",
        "purpose": "transactional",
        "recipients": "\n".join(f"person{number}@mail.example" for number in range(first, first + count)),
        "repeat": "daily 9:00",
    }
    status, where = web.submit("/mailings", fields, cookie)
    assert status == 303 and where.startswith("/repeats/"), (status, where)
    return where.rpartition("/")[2]


def _made(stage: Stage, uid: str) -> list[int]:
    """The mailings that it made, which are the stage's from then on."""
    with stage.system.database.read() as connection:
        repeat = repeats.find(connection, uid)
        assert repeat is not None
        found = [tick.mailing_id for tick in ticks.of_repeat(connection, repeat.id, limit=9)]
    made = [mailing_id for mailing_id in found if mailing_id is not None]
    stage.mailings += [mailing_id for mailing_id in made if mailing_id not in stage.mailings]
    return made
