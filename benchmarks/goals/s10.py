"""S10: a million recipients as a file, by the API and by `flask send`, and what it takes of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import psutil

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.processes import ROOT
from benchmarks.system import System

MILLION = 1_000_000
BY_API, BY_COMMAND = "the API", "flask send"
BOUNDARY = "a-boundary"


class Streamed(NamedTuple):
    """Seconds until it is accepted; p99 of other people's POSTs meanwhile, 0 where nobody asked; how many
    bytes a process held more than with ten recipients.
    """

    seconds: float
    others_p99: float
    growth: float

    def __str__(self) -> str:
        others = f"others' p99 {self.others_p99 * 1000:.0f} ms"
        return f"{self.seconds:.1f} s, {others}, +{self.growth / 2**20:.0f} MiB"


def measure() -> Result:
    found = figures.alternating({BY_API: by_api, BY_COMMAND: by_command})
    middle = {name: Streamed(*map(figures.median, zip(*all_, strict=True))) for name, all_ in found.items()}
    return Result(
        "S10",
        "A million recipients as a file",
        "CSV with two columns of merge tags, until it is accepted: `POST /api/v1/mailings` as a form, and "
        "`flask send --recipients`. What a process grows by is its most resident memory, less what ten "
        "recipients take.",
        ["by", "until accepted", "others' POSTs p99", "a process grows by"],
        [
            [name, f"{s.seconds:.1f} s", f"{s.others_p99 * 1000:.0f} ms" if s.others_p99 else "",
             f"{s.growth / 2**20:.0f} MiB"]
            for name, s in middle.items()
        ],
        [
            figures.below("under 30 s by the API", middle[BY_API].seconds, 30, "s"),
            figures.below("under 30 s by `flask send`", middle[BY_COMMAND].seconds, 30, "s"),
            figures.below(
                "memory flat (under 100 MiB more than ten recipients take)",
                max(s.growth for s in middle.values()) / 2**20,
                100,
                "MiB",
            ),
            figures.below("others' POSTs p99 under 250 ms", middle[BY_API].others_p99 * 1000, 250, "ms"),
        ],
        Chart("A million recipients accepted", "s", [(name, s.seconds) for name, s in middle.items()]),
    )  # fmt: skip


def rows_of(number: int) -> bytes:
    lines = (f"{letter.address(letter.scattered(n))},Ann{n},Town {n % 50}" for n in range(number))
    return "\n".join(["email,first_name,city", *lines]).encode()


def by_api() -> Streamed:
    with System(1) as system:
        web = system.start_web()
        headers = {
            "Authorization": f"Bearer {system.api_key()}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        }
        other, waits, ended = system.browser(), list[float](), threading.Event()
        for _ in range(4):  # both processes
            _post(system, headers, 10)
        other.send([letter.address(0)])
        before = web.memory()

        def others() -> None:
            while not ended.is_set():
                waits.append(other.send([letter.address(1)]))
                time.sleep(0.01)

        thread = threading.Thread(target=others)
        thread.start()
        seconds = _post(system, headers, MILLION)
        ended.set()
        thread.join()
        return Streamed(seconds, figures.percentile(waits, 99), web.growth(before))


def _post(system: System, headers: dict[str, str], number: int) -> float:
    mailing = {
        "from": letter.SENDER,
        "subject": letter.tagged(letter.SUBJECT),
        "text": letter.tagged(letter.TEXT),
        "purpose": "transactional",
    }
    part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    data = (
        f'{part}"mailing"\r\n\r\n{json.dumps(mailing)}\r\n{part}"recipients"; filename="people.csv"\r\n\r\n'
    )
    body = data.encode() + rows_of(number) + f"\r\n--{BOUNDARY}--\r\n".encode()
    began = time.perf_counter()
    status, answer = Client(system.port).post("/api/v1/mailings", body, **headers)
    seconds = time.perf_counter() - began
    assert status == 200 and json.loads(answer)["total"] == number, answer[:2000]
    return seconds


def by_command() -> Streamed:
    with System(1) as system:
        _, little = _send(system, 10)
        seconds, much = _send(system, MILLION)
        return Streamed(seconds, 0, much - little)


def _send(system: System, number: int) -> tuple[float, int]:
    """Seconds, and the most resident bytes."""
    file = system.folder / f"{number}.csv"
    file.write_bytes(rows_of(number))
    words = ["send", "--from", letter.SENDER, "--subject", letter.tagged(letter.SUBJECT)]
    command = [sys.executable, "-m", "flask", *words, "--text", letter.tagged(letter.TEXT)]
    began, most = time.perf_counter(), 0
    with subprocess.Popen(
        [*command, "--recipients", str(file)],
        cwd=ROOT,
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            try:
                most = max(most, psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
        said = process.stdout.read() if process.stdout else b""
    assert f"Accepted {number:,} mails".encode() in said, said
    return time.perf_counter() - began, most
