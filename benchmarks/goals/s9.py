"""S9: preflight, every message of 100,000 rendered and built, and what others notice of it."""

from __future__ import annotations

import json
import threading
import time
from typing import NamedTuple

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.system import System

RECIPIENTS = 100_000
PLAIN, LIQUID = "plain tags", "Liquid"


class Tried(NamedTuple):
    """Seconds until the answer, p99 of other people's pages meanwhile, and how many bytes a web process grew
    by at most.
    """

    seconds: float
    others_p99: float
    growth: float

    def __str__(self) -> str:
        others = f"others' p99 {self.others_p99 * 1000:.0f} ms"
        return f"{self.seconds:.2f} s, {others}, +{self.growth / 2**20:.0f} MiB"


def measure() -> Result:
    found = figures.alternating(
        {
            PLAIN: lambda: tried("{{ city }}"),
            LIQUID: lambda: tried("{% if city != blank %}{{ city | upcase }}{% endif %}"),
        }
    )
    middle = {name: Tried(*map(figures.median, zip(*all_, strict=True))) for name, all_ in found.items()}
    return Result(
        "S9",
        f"Preflight of {RECIPIENTS:,} recipients",
        "`POST /api/v1/mailings/preflight`: every message rendered and built, findings by row; one "
        "recipient in a hundred has an empty value. What a web process grows by is its most resident memory, "
        "less what it had before: it holds the request and all recipients.",
        ["letter", "until the answer", "others' pages p99", "a web process grows by"],
        [
            [name, f"{t.seconds:.2f} s", f"{t.others_p99 * 1000:.0f} ms", f"{t.growth / 2**20:.0f} MiB"]
            for name, t in middle.items()
        ],
        [
            figures.below("under 15 s", middle[PLAIN].seconds, 15, "s"),
            figures.below("under 15 s with Liquid in it", middle[LIQUID].seconds, 15, "s"),
            figures.below(
                "memory flat (a web process: under 200 MiB more at most, the request among it)",
                max(t.growth for t in middle.values()) / 2**20,
                200,
                "MiB",
            ),
            figures.below(
                "others' pages p99 under 250 ms", max(t.others_p99 for t in middle.values()) * 1000, 250, "ms"
            ),
        ],
        Chart(f"Preflight of {RECIPIENTS:,}", "s", [(name, t.seconds) for name, t in middle.items()]),
    )


def tried(city: str) -> Tried:
    people = [
        {
            "address": letter.address(number),
            "variables": {**letter.values(number), **({"first_name": ""} if number % 100 == 0 else {})},
        }
        for number in range(RECIPIENTS)
    ]
    body = {
        "from": letter.SENDER,
        "subject": letter.tagged(letter.SUBJECT),
        "text": letter.tagged(letter.TEXT).replace("{{ city }}", city),
        "html": letter.tagged(letter.HTML).replace("{{ city }}", city),
        "purpose": "transactional",
        "recipients": people,
    }
    data = json.dumps(body).encode()
    with System(1) as system:
        web = system.start_web()
        headers = {"Authorization": f"Bearer {system.api_key()}", "Content-Type": "application/json"}
        other, waits, ended = system.browser(), list[float](), threading.Event()
        before = web.memory()

        def others() -> None:
            while not ended.is_set():
                began = time.perf_counter()
                other.get("/mailings")
                waits.append(time.perf_counter() - began)
                time.sleep(0.01)

        thread = threading.Thread(target=others)
        thread.start()
        began = time.perf_counter()
        status, answer = Client(system.port).post("/api/v1/mailings/preflight", data, **headers)
        seconds = time.perf_counter() - began
        ended.set()
        thread.join()
        assert status == 200, answer[:2000]
        report = json.loads(answer)
        assert [one["count"] for one in report["findings"]] == [RECIPIENTS // 100], report
        return Tried(seconds, figures.percentile(waits, 99), web.growth(before))
