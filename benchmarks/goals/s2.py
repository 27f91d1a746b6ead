"""S2: draining one personalised mailing with two workers."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import figures, letter
from benchmarks.figures import Chart, Result
from benchmarks.peers import running
from benchmarks.peers.running import CELERY, CELERY_FLASK_MAIL, DRAMATIQ, HUEY, Peer, Running
from benchmarks.postfix import SmtpSink, smtp_source
from benchmarks.processes import ROOT, Group
from benchmarks.system import System
from tests import postgres

MAILS = 20_000
SESSIONS = 10
"""For a worker, as many as smtp-source opens."""

OF_PEERS = {CELERY: 2_500, CELERY_FLASK_MAIL: 2_500, DRAMATIQ: 5_000, HUEY: 4_000}
"""So many are enough for a rate, and every run stays under some ten seconds."""

OF_POST_OFFICE = 6_000
NAME, POST_OFFICE = "Mailroom, 2 workers", "django-post_office"
SOURCE = f"smtp-source, {SESSIONS} kept sessions"


class Drained(NamedTuple):
    """Mails a second from the first to the last, and the CPU seconds of what is measured per 1,000."""

    rate: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f} mails/s, {self.cpu:.3f} CPU s per 1,000"


def measure() -> Result:
    runs = {NAME: lambda: mailroom(MAILS), SOURCE: source}
    runs |= {peer.name: partial(drain, peer, mails) for peer, mails in OF_PEERS.items()}
    runs[POST_OFFICE] = post_office
    rate, cpu = medians(figures.alternating(runs))
    times = {name: rate[NAME] / rate[name] for name in rate}
    rows = [
        [name, f"{rate[name]:,.0f}", f"{rate[name] / rate[CELERY.name]:.1f}", f"{cpu[name]:.3f}"]
        for name in sorted(rate, key=lambda name: -rate[name])
    ]
    return Result(
        "S2",
        f"Draining {MAILS:,} personal mails",
        f"Text and HTML, two workers of {SESSIONS} sessions, into Postfix's smtp-sink; from the first mail's "
        "arrival until every outcome is in the ledger (peers: until the last mail's arrival).",
        ["what drains the queue", "mails/s", "x Celery", "worker CPU s per 1,000 mails"],
        rows,
        [
            figures.at_least("25 x Celery prefork -c 2", times[CELERY.name], 25),
            figures.at_least("15 x Dramatiq", times[DRAMATIQ.name], 15),
            figures.at_least("8 x django-post_office", times[POST_OFFICE], 8),
            figures.at_least("0.6 x smtp-source", times[SOURCE], 0.6),
            figures.below("under 0.09 CPU s per 1,000 mails", cpu[NAME], 0.09, "s"),
        ],
        Chart("Mails a second, two workers", "mails/s", [(name, rate[name]) for name in rate]),
        [
            "A mail a task for every peer, with the same content, built by MIMEText and sent by smtplib, "
            "the fastest that Python brings; one row shows Flask-Mail in its place. Celery: results ignored, "
            "high prefetch, no gossip. django-post_office: PostgreSQL, 2 processes of 5 threads, one batch."
        ],
    )


def medians(found: Mapping[str, Sequence[Drained]]) -> tuple[dict[str, float], dict[str, float]]:
    """Of the rates, and of the CPU seconds."""
    rate = {name: figures.median([drained.rate for drained in all_]) for name, all_ in found.items()}
    cpu = {name: figures.median([drained.cpu for drained in all_]) for name, all_ in found.items()}
    return rate, cpu


def mailroom(mails: int, workers: int = 2) -> Drained:
    with SmtpSink() as sink, System(sink.port, MAILROOM_CONNECTIONS=str(SESSIONS)) as system:
        return drain_ledger(sink, system, mails, workers)


def drain_ledger(
    sink: SmtpSink,
    system: System,
    mails: int,
    workers: int = 2,
    cpu_beside: Callable[[], float] = lambda: 0.0,
) -> Drained:
    """`cpu_beside`: the CPU seconds so far of what is measured beside the workers."""
    accepted = system.accept(mails)
    group = system.start_workers(workers)
    began, used = _first(sink, group)
    used += cpu_beside()
    system.wait_until_over(accepted.mailing_id, is_near=lambda: sink.count >= mails)
    seconds = time.perf_counter() - began
    sink.wait(mails)
    assert sink.count == mails, f"{sink.count} of {mails} mails arrived"
    return Drained(mails / seconds, (group.cpu() + cpu_beside() - used) * 1000 / mails)


def drain(peer: Peer, mails: int) -> Drained:
    with SmtpSink() as sink, Running(peer, sink.port) as peer_:
        peer_.fill(mails)
        workers = peer_.start_workers()
        began, used = _first(sink, workers)
        seconds = sink.wait(mails) - began
        return Drained(mails / seconds, (workers.cpu() - used) * 1000 / mails)


def _first(sink: SmtpSink, workers: Group) -> tuple[float, float]:
    """When the first mail came, and the CPU seconds until then: starting up is not what is measured."""
    return sink.wait(1, 30), workers.cpu()


def source() -> Drained:
    with SmtpSink() as sink:
        before = os.times()
        rate = smtp_source(sink.port, MAILS, SESSIONS, letter.SIZE)
        after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Drained(rate, used * 1000 / MAILS)


def post_office() -> Drained:
    with SmtpSink() as sink, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-peer-")))
        environment = {"MAIL_PORT": str(sink.port), "PYTHONPATH": str(ROOT)}
        if postgres.is_installed():
            server = postgres.Postgres()
            stack.callback(server.stop)
            environment |= {"PEERS_PG_HOST": str(server.folder), "PEERS_DATABASE": server.create()}
        else:
            environment["PEERS_DATABASE"] = str(folder / "queue.db")
        module = [running.python(), "-m", "benchmarks.peers.post_office_mails"]
        filling = [*module, "fill", str(OF_POST_OFFICE)]
        subprocess.run(filling, cwd=ROOT, env={**os.environ, **environment}, check=True)
        before = os.times()
        with (folder / "log").open("ab") as log:
            workers = Group([*module, "send"], environment, log)
            began = sink.wait(1, 60)
            seconds = sink.wait(OF_POST_OFFICE) - began
            workers.process.wait(60)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return Drained(OF_POST_OFFICE / seconds, used * 1000 / OF_POST_OFFICE)
