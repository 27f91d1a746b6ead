"""The resolver of names misbehaves: fault 29."""

from __future__ import annotations

import time

from mailroom.ledger.relays import circuit
from tests.drills.drill import drill
from tests.drills.name_server import NameServer
from tests.drills.stage import Stage

RELAY = "relay.drill.example"
HERE, NOWHERE = "127.0.0.1", "127.0.0.2"


@drill(
    "29",
    "the resolver is silent, lies, comes back, is silent again",
    without="`self._known = self._good` in `HostName.distrust`: where it lied once, mail goes no more",
)
def the_resolver_misbehaves(stage: Stage) -> None:
    system = stage.build(MAIL_SERVER=RELAY, MAIL_MAX_EMAILS="10", WATCH_LOOPS="1")
    with NameServer(stage.folder) as names:
        stage.how, system.before_workers = names.how, names.before
        stage.accept(stage.size(100, 2_000))
        stage.start_workers()
        system.wait(lambda: "name resolution" in _trouble(stage) or "looked up" in _trouble(stage), 30)
        time.sleep(2 * (stage.lease or 30))
        assert system.sink.count() == 0
        names.says(NOWHERE)
        system.wait(lambda: "Connection refused" in _trouble(stage), 30)
        assert stage.value("SELECT max(attempts) FROM deliveries") == 0, "no mail is to blame"
        names.says(HERE)
        stage.wait_until_over()
        names.says(NOWHERE)
        time.sleep((stage.lease or 360) / 6)  # what they know is believed for so long
        stage.accept(stage.size(250, 500))  # more than sessions that are open may carry
        system.wait(lambda: "Connection refused" in _trouble(stage), 30)
        names.says(None)
        stage.accept(stage.size(50, 500))
        stage.wait_until_over(90)
    stage.all_sent()
    assert "a worker died or was too slow" not in system.log
    assert stage.value("SELECT count(*) FROM attempts WHERE reply LIKE '%died%'") == 0


def _trouble(stage: Stage) -> str:
    with stage.system.database.read() as connection:
        return " ".join(trouble.reply for trouble in circuit.troubled(connection))
