"""The catcher: an SMTP server that keeps mail in a Maildir instead of delivering it.

    python -m mailroom.local.catcher --maildir DIR (--port N | --fd N) [--delay SECONDS]

A file in DIR/new is one mail as it came over the wire, newest last by name:
<microseconds since the epoch, 16 digits>.<process>_<number>.<catcher | slow>
Before the mail's own headers stand Return-Path, X-Envelope-From, X-Envelope-To (one for
each recipient) and X-Mailroom-Catcher.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import time
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailroom import files, memory
from mailroom.local.ports import listen
from mailroom.stop_signals import stop_signals

LARGEST_CAUGHT = 64 * 1024 * 1024


class CatcherProtocol(SMTP):
    line_length_limit = 1024 * 1024  # judging lines is a test's business, not the catcher's


class Maildir:
    """Where mail is kept. Several catchers may share one: names hold the process's id."""

    def __init__(self, folder: Path, kind: str = "catcher") -> None:
        self.folder, self.kind = folder, kind
        self._numbers = count(1)
        for name in ("tmp", "new", "cur"):
            files.make_folder(folder / name)

    def keep(self, envelope: Envelope) -> Path:
        """Write one mail; whoever lists `new` sees all of it or nothing."""
        name = f"{time.time_ns() // 1000:016d}.{os.getpid()}_{next(self._numbers)}.{self.kind}"
        unfinished, path = self.folder / "tmp" / name, self.folder / "new" / name
        with unfinished.open("wb") as file:
            file.write(self._headers(envelope))
            file.write(envelope.original_content or b"")
        unfinished.rename(path)
        return path

    def _headers(self, envelope: Envelope) -> bytes:
        lines = [f"Return-Path: <{envelope.mail_from}>", f"X-Envelope-From: {envelope.mail_from}"]
        lines += [f"X-Envelope-To: {address}" for address in envelope.rcpt_tos]
        lines += [f"X-Mailroom-Catcher: {self.kind}"]
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


class Keeper:
    """What aiosmtpd calls with a mail. Every session waits `delay` for itself."""

    def __init__(self, maildir: Maildir, delay: float = 0) -> None:
        self.maildir, self.delay = maildir, delay

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.delay:
            await asyncio.sleep(self.delay)
        path = self.maildir.keep(envelope)
        return f"250 2.0.0 OK: kept as {path.name}"


def protocol(keeper: Keeper) -> CatcherProtocol:
    return CatcherProtocol(
        keeper,
        data_size_limit=LARGEST_CAUGHT,
        hostname="catcher.localhost",
        ident="Mailroom catcher",
        enable_SMTPUTF8=True,
        timeout=600,
    )


async def serve(listener: socket.socket, keeper: Keeper) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in stop_signals():
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: protocol(keeper), sock=listener)
    await stopped.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mailroom.local.catcher")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="listen on this port of 127.0.0.1")
    where.add_argument("--fd", type=int, help="serve this listening socket, inherited")
    parser.add_argument("--maildir", type=Path, required=True)
    parser.add_argument("--delay", type=float, default=0, help="seconds before each mail's reply")
    arguments = parser.parse_args()
    files.keep_private()
    memory.give_back_large()
    listener = listen(arguments.port) if arguments.fd is None else socket.socket(fileno=arguments.fd)
    keeper = Keeper(Maildir(arguments.maildir, "slow" if arguments.delay else "catcher"), arguments.delay)
    asyncio.run(serve(listener, keeper))


if __name__ == "__main__":
    main()
