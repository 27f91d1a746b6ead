"""The web process is killed while it accepts: fault 28."""

from __future__ import annotations

import re
import time
import uuid
from http.client import HTTPException

from mailroom.ledger.batches import join
from tests.deadly_web import DONE, EARLY, LARGE, SMALL, is_set, set_trap
from tests.drills.drill import drill
from tests.drills.stage import Stage
from tests.web_server import WebServer

PART = 50
"""Recipients that are staged at once here, so that some hundred are several parts."""

RETRIED_FOR = 25.0


@drill(
    "28",
    "kill -9 of the web process in every stage of an acceptance, then the same form again",
    without="`found.is_abandoned` in `idempotency.take`: the same form is refused for ever",
)
def an_acceptance_dies(stage: Stage) -> None:
    system = stage.build()
    lease = stage.size(1_000, 10_000)
    config = f"from tests.deadly_web import arm\narm({str(system.folder)!r}, {lease}, {PART})\n"
    options = "--workers 2 --threads 4"
    with WebServer(system.folder, system.environment, options, configuration=config) as web:
        form = Form(stage, web)
        small = (*SMALL, *EARLY) if system.database.is_sqlite else SMALL
        for at in (*LARGE, *small, *DONE):
            few, many = stage.size(20, 25), stage.size(4 * PART, 2_000)
            if at in EARLY:
                time.sleep(join.WAITS_MS / 1000 + 0.2)  # in the batch of the one before it would have no job
            form.submit_and_die(at, few if at in small else many)
    stage.start_workers()  # only now: until here no sweeper helped
    stage.wait_until_over()
    stage.system.wait(lambda: stage.value("SELECT count(*) FROM mailings WHERE state = 'staged'") == 0)
    stage.all_sent()


class Form:
    """A person at the form, who presses Send again when the page does not come."""

    def __init__(self, stage: Stage, web: WebServer) -> None:
        self._stage, self._web = stage, web
        self._cookie, self._token = web.sign_in()

    def submit_and_die(self, at: str, count: int) -> None:
        """Submits a mailing to `count` people, whose acceptance dies; then the same until it is accepted."""
        first = self._stage.accepted
        people = "\n".join(f"person{number}@mail.example" for number in range(first, first + count))
        fields = {
            "csrf_token": self._token,
            "idempotency_key": str(uuid.uuid4()),
            "sender": "post@mailroom.example",
            "subject": "Hello",
            "text": "Hello",
            "recipients": people,
        }
        set_trap(self._stage.system.folder, at)
        status, _ = self._send(fields)
        assert status == 0 and not is_set(self._stage.system.folder), f"it did not die when {at}: {status}"
        self._stage.kills += 1
        self._stage.accepted += count
        self._stage.mailings.append(self._retried(at, fields))

    def _retried(self, at: str, fields: dict[str, str]) -> int:
        """The mailing to which the retry leads."""
        deadline = time.monotonic() + RETRIED_FOR
        while True:
            status, where = self._send(fields)
            if found := re.fullmatch(r"/mailings/([0-9]+)", where):
                assert status == 303
                return int(found[1])
            assert status in (0, 409), f"{at}: a retry was answered {status}"
            assert time.monotonic() < deadline, f"{at}: still {status} after {RETRIED_FOR:.0f} s"
            time.sleep(0.2)

    def _send(self, fields: dict[str, str]) -> tuple[int, str]:
        """Status and Location; 0 when nobody answers."""
        try:
            return self._web.submit("/mailings", fields, self._cookie)
        except (OSError, HTTPException):
            return 0, ""
