"""Whoever has a key, or none, tries to hold up everybody else: fault 27. hostile_attacks.py says how."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil
from sqlalchemy import select

from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import mailings as mailings_table
from tests.drills.doors import PERSON, Doors
from tests.drills.drill import drill
from tests.drills.hostile_attacks import ATTACKS
from tests.drills.stage import Stage

LEAVES_WITHIN = 5.0
"""Seconds from an innocent person's request to the mail server's having the mail; and for a sign-in."""

SIGNS_IN_EVERY = 7.0
"""Seconds: from one address ten tries a minute are let through, whatever comes of them."""

GROWS_BY = 150 << 20
"""Bytes that a process may grow."""


class Sizes:
    """How far each process of the system grew, looked at ten times a second."""

    def __init__(self, roots: list[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in roots]
        self._least: dict[int, int] = {}
        self.grown: dict[int, int] = {}

    def look(self) -> None:
        for root in self._roots:
            for process in (root, *root.children(recursive=True)):
                try:
                    size = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                least = self._least.setdefault(process.pid, size)
                self.grown[process.pid] = max(self.grown.get(process.pid, 0), size - least)


@dataclass
class Innocent:
    """Somebody who sends single mails, by the API and by SMTP, and signs in, now and then."""

    doors: Doors
    asked: dict[str, float] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)

    def send(self) -> None:
        address = self._address("api")
        letter = {"from": PERSON, "subject": "Hi", "text": "Hello {{ name }}"}
        body = json.dumps(letter | {"recipients": [{"address": address}]}).encode()
        with self._timed("a request"):
            status = self.doors.post("/mailings", body, self.doors.innocent_key)
        assert status == 200, f"a request was answered {status}"

    def submit(self) -> None:
        address = self._address("smtp")
        with self._timed("a submission"):
            self.doors.submit(address)

    def sign_in(self) -> None:
        with self._timed("a sign-in"):
            status = self.doors.sign_in()
        assert status == 303, f"a sign-in was answered {status}"

    def _address(self, way: str) -> str:
        address = f"innocent-{way}{len(self.asked)}@mail.example"
        self.asked[address] = time.time()
        return address

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.slowest[what] = max(took, self.slowest.get(what, 0))


@contextmanager
def beside(act: Callable[[], None], every: float) -> Iterator[list[BaseException]]:
    """Does it again and again, beside what the block does; what went wrong is in the list."""
    over, wrong = threading.Event(), list[BaseException]()

    def go_on() -> None:
        while not over.wait(every):
            try:
                act()
            except BaseException as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join(60)


@drill(
    "27",
    "a hostile key",
    without="`is_out_of_breath` in `Feed.next`: a batch is rendered to its end before anybody "
    "else has a turn",
)
def a_hostile_key(stage: Stage) -> None:
    system = stage.system
    pool = system.start_workers(1, lease=stage.lease)  # with a second one there would be a way round
    system.wait(lambda: system.workers(pool))
    with Doors(stage) as doors:
        person, sizes = Innocent(doors), Sizes([pool.pid, *doors.pids])
        acts = {person.send: 0.25, person.submit: 1.0, person.sign_in: SIGNS_IN_EVERY}
        for act in [person.send, person.submit] * 5 + [person.sign_in]:  # what is loaded once is loaded
            act()
        time.sleep(1)
        with beside(sizes.look, 0.1), ExitStack() as meanwhile:
            wrong = [meanwhile.enter_context(beside(act, every)) for act, every in acts.items()]
            for attack in ATTACKS:
                try:
                    stage.accepted += attack.act(doors, stage.size(100, 1_000))
                except AssertionError as error:
                    raise AssertionError(f"{attack.what}: {error}") from error
            time.sleep(stage.size(10, 60))
        for one in wrong:
            assert not one, repr(one[0])
        time.sleep(LEAVES_WITHIN)  # so long the last mail may take
        _judge(stage, person, sizes)
        _stop_what_is_left(stage)


def _stop_what_is_left(stage: Stage) -> None:
    """Whatever the hostile mailings still are: canceled. All others must be over."""
    with stage.system.database.begin() as connection:
        stage.mailings = list(connection.execute(select(mailings_table.c.id)).scalars())
        for mailing_id in stage.mailings:
            lifecycle.cancel(connection, mailing_id)
    stage.wait_until_over()


def _judge(stage: Stage, person: Innocent, sizes: Sizes) -> None:
    arrived = {message.recipient: message.time for message in stage.system.sink.messages()}
    now = time.time()
    late = {address: arrived.get(address, now) - asked for address, asked in person.asked.items()}
    slowest, most = max(late.values()), max(sizes.grown.values())
    stage.accepted += len(person.asked)  # each of which was accepted
    times = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in sorted(person.slowest.items()))
    stage.how = f"an innocent mail left within {slowest:.1f} s ({times}); no process grew by {most >> 20} MB"
    if stage.full:  # the short form runs among other tests, where nothing is timed
        for what, took in ({"a mail": slowest} | person.slowest).items():
            assert took < LEAVES_WITHIN, f"{what} took {took:.1f} s"
    assert most < GROWS_BY, f"a process grew by {most >> 20} MB"
