"""S13: a large attachment to 200 recipients: what it takes of memory, and how fast it leaves."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode, encodebytes
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.postfix import SmtpSink, smtp_source
from benchmarks.system import System

MEBIBYTE = 1 << 20
FILE = 25 * 1_000_000
ON_THE_WIRE = FILE * 78 // 57  # in base64, with its line ends
MAILS = 200
LOST = 9  # a port where nobody takes mail: nothing is sent
OF_SOURCE = 100
WORKERS, SESSIONS = 2, 5
NAME = f"Mailroom, {WORKERS} workers of {SESSIONS} sessions"
SOURCE = f"smtp-source, {WORKERS * SESSIONS} kept sessions"


BY_API, WHOLE = "POST /api/v1/emails", "POST /api/v1/emails/raw"


class Sent(NamedTuple):
    """Mails a second; the most memory that one worker and one web process ever had, in MiB: by the form, by
    the API, as a whole message of the API.
    """

    rate: float
    worker: float = 0.0
    web: float = 0.0
    by_api: float = 0.0
    whole: float = 0.0

    def __str__(self) -> str:
        return f"{self.rate:.1f} mails/s; a worker {self.worker:.0f} MiB, a web process {self.web:.0f} MiB"


def measure() -> Result:
    found = figures.alternating({NAME: mailroom, SOURCE: source})
    rate = {name: figures.median([sent.rate for sent in all_]) for name, all_ in found.items()}
    worker, web, by_api, whole = (
        max(getattr(sent, of) for sent in found[NAME]) for of in ("worker", "web", "by_api", "whole")
    )
    return Result(
        "S13",
        f"A file of {FILE // 1_000_000} MB to {MAILS} recipients",
        f"Chosen in the form, then sent by {WORKERS} workers of {SESSIONS} sessions each into Postfix's "
        "smtp-sink, from the first mail's arrival until every outcome is in the ledger; what was under way "
        "when the first one arrived is left out. The same file comes by the API as well, in JSON and in a "
        "whole message. Memory: the most that one process had in any round.",
        ["", "mails/s", "a worker at most", "a web process at most"],
        [
            [NAME, f"{rate[NAME]:.1f}", f"{worker:.0f} MiB", f"{web:.0f} MiB"],
            [BY_API, "", "", f"{by_api:.0f} MiB"],
            [WHOLE, "", "", f"{whole:.0f} MiB"],
            [SOURCE, f"{rate[SOURCE]:.1f}", "", ""],
        ],
        [
            figures.below("a worker under 150 MiB", worker, 150, "MiB"),
            figures.below("a web process under 150 MiB", web, 150, "MiB"),
            figures.below(f"{BY_API}: a web process under 150 MiB", by_api, 150, "MiB"),
            figures.below(f"{WHOLE}: a web process under 150 MiB", whole, 150, "MiB"),
            figures.at_least("0.5 x smtp-source", rate[NAME] / rate[SOURCE], 0.5),
        ],
        Chart(f"Mails of {ON_THE_WIRE // 1_000_000} MB a second", "mails/s", list(rate.items())),
    )


def mailroom() -> Sent:
    with SmtpSink() as sink, System(sink.port, MAILROOM_CONNECTIONS=str(SESSIONS)) as system:
        web = system.start_web()
        system.browser().attach(os.urandom(FILE), map(letter.address, range(MAILS)))
        of_web = web.peak()
        web.end()
        workers = system.start_workers(WORKERS)
        began = sink.wait(1, 60)
        system.wait_until_over(system.newest(), 300)
        seconds = time.perf_counter() - began
        sink.wait(MAILS)
        assert sink.count == MAILS, f"{sink.count} of {MAILS} mails arrived"
        sent = (MAILS - WORKERS * SESSIONS) / seconds
        memory = [workers.peak(), of_web, by_program("/emails", email), by_program("/emails/raw", message)]
        return Sent(sent, *(octets / MEBIBYTE for octets in memory))


def by_program(path: str, made: Callable[[bytes], dict[str, Any]]) -> int:
    """The most octets that a web process had which took the file by the API."""
    with System(LOST) as system:
        web = system.start_web()
        headers = {"Authorization": f"Bearer {system.api_key()}", "Content-Type": "application/json"}
        body = json.dumps({"from": letter.SENDER, **made(os.urandom(FILE))}).encode()
        status, answer = Client(system.port).post(f"/api/v1{path}", body, **headers)
        assert status == 200, answer
        return web.peak()


def email(file: bytes) -> dict[str, Any]:
    attached = {"filename": "file.bin", "content": b64encode(file).decode()}
    return {"to": letter.address(0), "subject": "A file", "text": "Here it is.", "attachments": [attached]}


def message(file: bytes) -> dict[str, Any]:
    head = f"From: {letter.SENDER}\nSubject: A file\nContent-Type: application/octet-stream\n"
    whole = f"{head}Content-Transfer-Encoding: base64\n\n".encode() + encodebytes(file)
    return {"recipients": [letter.address(0)], "message": b64encode(whole).decode()}


def source() -> Sent:
    with SmtpSink() as sink:
        return Sent(smtp_source(sink.port, OF_SOURCE, WORKERS * SESSIONS, ON_THE_WIRE))
