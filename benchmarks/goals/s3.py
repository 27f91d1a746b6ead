"""S3: a burst of single mails by the API, from 16 clients at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.peers.running import CELERY, Running
from benchmarks.postfix import SmtpSink
from benchmarks.system import System

MAILS, CLIENTS = 1_000, 16
NAME, PEER = "Mailroom, POST /api/v1/emails", f"a Flask view and {CELERY.name}"


class Burst(NamedTuple):
    """From the first POST until the last mail's arrival, and how long the POSTs took (seconds)."""

    seconds: float
    p50: float
    p99: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, POST p50 {self.p50 * 1000:.1f} ms, p99 {self.p99 * 1000:.1f} ms"


def measure() -> Result:
    found = figures.alternating({NAME: mailroom, PEER: celery})
    ours, theirs = (Burst(*map(figures.median, zip(*found[name], strict=True))) for name in (NAME, PEER))
    rows = [
        [name, f"{burst.seconds:.2f} s", f"{burst.p50 * 1000:.1f} ms", f"{burst.p99 * 1000:.1f} ms"]
        for name, burst in ((NAME, ours), (PEER, theirs))
    ]
    return Result(
        "S3",
        f"{MAILS:,} single mails from {CLIENTS} clients, until the last has arrived",
        "gunicorn with 2 processes of 8 threads for both; Mailroom accepts each mail durably and checks a "
        "key, the view of Celery only enqueues.",
        ["", "until the last arrived", "POST p50", "POST p99"],
        rows,
        [
            figures.at_least("2 x Celery fed by a Flask view", theirs.seconds / ours.seconds, 2),
            figures.below(
                f"p99 of the POST no worse than {theirs.p99 * 1000:.1f} ms",
                ours.p99 * 1000,
                theirs.p99 * 1000,
                "ms",
            ),
        ],
        Chart("Until the last mail has arrived", "s", [(NAME, ours.seconds), (PEER, theirs.seconds)]),
    )


def mailroom() -> Burst:
    with SmtpSink() as sink, System(sink.port) as system:
        system.start_web()
        system.start_workers()
        return burst(sink, api_post(system))


def celery() -> Burst:
    with SmtpSink() as sink, Running(CELERY, sink.port) as peer:
        peer.start_web()
        peer.start_workers()
        return burst(sink, lambda client, number: client.post("/send", b"")[0], peer.port)


def api_post(system: System) -> Callable[[Client, int], int]:
    """Posts one mail to the API; the status."""
    key = system.api_key()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(client: Client, number: int) -> int:
        values = letter.values(number)
        mail = {
            "from": letter.SENDER,
            "to": [letter.address(number)],
            "subject": letter.SUBJECT.format(**values),
            "text": letter.TEXT.format(**values),
            "html": letter.HTML.format(**values),
        }
        return client.post("/api/v1/emails", json.dumps(mail).encode(), **headers)[0]

    post.port = system.port  # type: ignore[attr-defined]
    return post


def burst(sink: SmtpSink, post: Callable[[Client, int], int], port: int = 0) -> Burst:
    port = port or post.port  # type: ignore[attr-defined]
    assert post(Client(port), 0) < 300, "the first POST was refused"
    sink.wait(1)
    waits: list[float] = []

    def work(first: int) -> None:
        client = Client(port)
        for number in range(first, MAILS, CLIENTS):
            began = time.perf_counter()
            status = post(client, number)
            waits.append(time.perf_counter() - began)
            assert status < 300, status

    threads = [threading.Thread(target=work, args=(first,)) for first in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = sink.wait(1 + MAILS)
    return Burst(last - began, figures.median(waits), figures.percentile(waits, 99))
