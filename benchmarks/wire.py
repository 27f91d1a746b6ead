"""The wire alone: how many mails a second, and how much CPU a mail, with no ledger behind.

    python -m benchmarks.wire [--server HOST:PORT] [--messages 20000] [--sessions 4] [--size 2000]

Without --server, a sink is started in a process of its own (CPU: the client's only).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path

from mailroom.sink import SinkProcess
from mailroom.smtp.envelope import Envelope, Outcome
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session


class Letters:
    """Hands out the same message again and again; keeps no outcome but the count."""

    def __init__(self, total: int, content: bytes) -> None:
        self.left = total
        self.accepted = 0
        self.content = content

    def next_envelope(self) -> Envelope | None:
        if not self.left:
            return None
        self.left -= 1
        return Envelope("news@example.org", f"reader{self.left}@example.org", self.content, self.left)

    def mark(self, envelope: Envelope) -> asyncio.Future[bool]:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        answer.set_result(True)
        return answer

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        if not isinstance(outcome, Reply):
            raise outcome
        self.accepted += 1


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(server: Server, sessions: int, messages: int, content: bytes) -> None:
    opened = [await Session.open(server) for _ in range(sessions)]
    letters = Letters(messages, content)
    began, used = time.perf_counter(), cpu()
    await asyncio.gather(*(session.run(letters) for session in opened))
    seconds, used = time.perf_counter() - began, cpu() - used
    for session in opened:
        await session.close()
    how = "PIPELINING" if opened[0].pipelining else "plain"
    print(
        f"{how:11} {sessions:3} sessions {letters.accepted:7} mails {len(content):6} bytes "
        f"{letters.accepted / seconds:8.0f} mails/s {1e6 * used / letters.accepted:6.0f} us CPU a mail",
        flush=True,
    )


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--server", metavar="HOST:PORT")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 10])
    parser.add_argument("--size", type=int, default=2000)
    arguments = parser.parse_args()
    line = b"x" * 70 + b"\r\n"
    content = b"Subject: wire\r\nMessage-ID: <1@example.org>\r\n\r\n" + line * (arguments.size // len(line))

    def run(host: str, port: int) -> None:
        for sessions in arguments.sessions:
            asyncio.run(measure(Server(host, port), sessions, arguments.messages, content))

    if arguments.server:
        host, _, port = arguments.server.rpartition(":")
        run(host, int(port))
        return
    for pipelining in ("on", "off"):
        with (
            tempfile.TemporaryDirectory() as folder,
            SinkProcess(Path(folder), (), "--pipelining", pipelining) as sink,
        ):
            run("127.0.0.1", sink.port)


if __name__ == "__main__":
    main()
