"""People do what they like while mail is going out: faults 18 and 20."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from mailroom.engine.accept.submission import Idempotency
from mailroom.ledger import states, suppressions
from mailroom.ledger.mailings import lifecycle
from tests.drills.drill import drill
from tests.drills.stage import Stage


@drill(
    "18",
    "the same Idempotency-Key 20 times at once",
    without="`where=` in `idempotency._taken`: there are as many mailings as submissions",
)
def one_key_many_times(stage: Stage) -> None:
    stage.start_workers()
    count = stage.size(30, 1_000)
    key = Idempotency("key:1", "once", "f" * 64)
    people = [f"person{number}@mail.example" for number in range(count)]
    system = stage.system
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: system.accept(people, idempotency=key), range(20)))
    assert len({answer.mailing_id for answer in answers}) == 1
    stage.mailings, stage.accepted = [answers[0].mailing_id], count
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "20",
    "cancel, pause, suppress during the send",
    without="`is_active` in `marks.mark_statement`: the rest of the batch goes out",
)
def people_interfere(stage: Stage) -> None:
    system = stage.build("any: delay dot 0.02")
    size = stage.size(300, 3_000)
    paused, canceled = stage.accept(size).mailing_id, stage.accept(size).mailing_id
    stage.start_workers()
    stage.arrived(0.05)
    with system.database.begin() as connection:
        assert lifecycle.pause(connection, paused)
        assert lifecycle.cancel(connection, canceled)
    system.wait_until_none_is_sent()
    before = system.sink.count()
    time.sleep(1)
    assert system.sink.count() == before, "mail goes out although all is paused or canceled"
    arrived = {message.recipient for message in system.sink.messages()}
    unwanted = [f"person{number}@mail.example" for number in range(size)]
    unwanted = [address for address in unwanted if address not in arrived][-20:]
    with system.database.begin() as connection:
        for address in unwanted:
            suppressions.add(connection, [address], "unsubscribed")
        assert lifecycle.resume(connection, paused)
    stage.wait_until_over()
    found = stage.check().by_state
    assert found[states.SUPPRESSED] == len(unwanted)
    assert found[states.CANCELED] > size // 2
    assert set(found) <= {states.SENT, states.SUPPRESSED, states.CANCELED}
