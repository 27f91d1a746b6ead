"""S4: one mail on an idle system, from the POST to the sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from benchmarks import figures
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.goals.s1 import Waits
from benchmarks.goals.s3 import api_post
from benchmarks.peers.running import CELERY, DRAMATIQ, HUEY, Peer, Running
from benchmarks.postfix import SmtpSink
from benchmarks.system import System

MAILS = 60
PAUSE = 0.05
NAME = "Mailroom, POST /api/v1/emails"


def measure() -> Result:
    runs: dict[str, Callable[[], Waits]] = {NAME: mailroom}
    runs |= {peer.name: partial(of_peer, peer) for peer in (CELERY, DRAMATIQ, HUEY)}
    found = figures.alternating(runs)
    p50 = {
        name: figures.median([figures.median(waits) for waits in all_]) * 1000 for name, all_ in found.items()
    }
    ours = p50[NAME]
    return Result(
        "S4",
        "One mail on an idle system, from the POST to the sink",
        f"{MAILS} mails, {PAUSE * 1000:.0f} ms apart, each when the last has arrived. Peers are fed by a "
        "Flask view under the same gunicorn, and keep no ledger.",
        ["", "p50"],
        [[name, f"{value:.1f} ms"] for name, value in p50.items()],
        [
            figures.below("no slower than Celery", ours, p50[CELERY.name], "ms"),
            figures.below("no slower than Dramatiq", ours, p50[DRAMATIQ.name], "ms"),
            figures.below("within 2 x Huey", ours, 2 * p50[HUEY.name], "ms"),
            figures.below("under 10 ms", ours, 10, "ms"),
        ],
        Chart("From the POST to the sink (p50)", "ms", list(p50.items())),
    )


def mailroom() -> Waits:
    with SmtpSink() as sink, System(sink.port) as system:
        system.start_web()
        system.start_workers()
        return one_by_one(sink, api_post(system), system.port)


def of_peer(peer: Peer) -> Waits:
    with SmtpSink() as sink, Running(peer, sink.port) as running:
        running.start_web()
        running.start_workers()
        return one_by_one(sink, lambda client, number: client.post("/send", b"")[0], running.port)


def one_by_one(sink: SmtpSink, post: Callable[[Client, int], int], port: int) -> Waits:
    client, waits = Client(port), Waits()
    for number in range(MAILS + 10):
        time.sleep(PAUSE)
        began = time.perf_counter()
        assert post(client, number) < 300
        waits.append(sink.wait(number + 1, 30) - began)
    return Waits(waits[10:])  # the first ones open connections
