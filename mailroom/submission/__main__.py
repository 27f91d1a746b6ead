"""The submission process: serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging as logging_of_others
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from mailroom import files, memory
from mailroom import log as logging
from mailroom.content import private_domains
from mailroom.database.engine import Database
from mailroom.engine.letterhead import return_address
from mailroom.engine.returned_mail import ReturnedMail
from mailroom.ledger import migrate
from mailroom.queue import Queue
from mailroom.settings import Settings, keep_within_home, leave, load_or_exit
from mailroom.stop_signals import stop_signals
from mailroom.submission.door import Door
from mailroom.submission.limits import SubmissionLimits, fitting
from mailroom.submission.lmtp import LmtpProtocol
from mailroom.submission.protocol import SubmissionProtocol
from mailroom.submission.reception import Reception
from mailroom.submission.returns import ReturnDesk

log = structlog.get_logger()

SUBMISSION_STOP_SECONDS = 8.0
"""Seconds that messages being received may still take once the process was told to end."""

PORT_TRIED_EVERY = 2.0
"""Seconds between two looks at a port that another program has."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mailroom.submission", description="Take mail by SMTP.")
    parser.add_argument("--fd", type=int, help="serve this listening socket, inherited, at the port")
    arguments = parser.parse_args()
    files.open_standard_streams()
    files.speak_utf8()
    files.keep_private()
    memory.give_back_large()
    settings = load_or_exit()
    logging.configure(settings.log, settings.secrets)
    keep_within_home(settings)
    migrate.leave_if_misfit(settings.database_url)
    private_domains.allow(settings.private_domains)
    asyncio.run(serve(settings, None if arguments.fd is None else socket.socket(fileno=arguments.fd)))


async def serve(settings: Settings, lent: socket.socket | None = None) -> None:
    """`lent`: the first socket of its port, which whoever started us holds for us."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in stop_signals():
        loop.add_signal_handler(number, stopped.set)
    context = _tls(settings)
    database = Database(settings.database_url, connections=settings.database_connections)
    queue = Queue(settings.redis_url)
    reception = Reception(database, queue, settings)
    hostname = urlsplit(settings.public_url).hostname or "mailroom"
    door = Door(fitting(SubmissionLimits()))
    returns = _return_desk(database, settings)
    loop.set_exception_handler(door.of_a_loop)
    for name in ("mail.log", "asyncio"):  # aiosmtpd's, of every command that it does not know
        logging_of_others.getLogger(name).setLevel(logging_of_others.CRITICAL)
    listeners = await _listeners(settings, stopped, lent)
    servers = [
        await loop.create_server(
            lambda: SubmissionProtocol(reception, hostname, context, door, returns), sock=listener
        )
        for listener in listeners
    ]
    if listeners and settings.lmtp:
        servers.append(
            await _serve_lmtp(settings.lmtp, lambda: LmtpProtocol(reception, hostname, None, door, returns))
        )
    if listeners:
        shown = ", ".join("{}:{}".format(*listener.getsockname()) for listener in listeners)
        log.info(
            "submission is listening", on=shown, tls="STARTTLS" if context else "none: this machine only"
        )
    await stopped.wait()
    for server in servers:
        server.close()
    await asyncio.gather(*(desk.ended(SUBMISSION_STOP_SECONDS) for desk in (reception, returns) if desk))
    queue.close()
    database.dispose()


def _return_desk(database: Database, settings: Settings) -> ReturnDesk | None:
    address = return_address(settings)
    return None if address is None else ReturnDesk(ReturnedMail(database, settings), address)


async def _serve_lmtp(place: str, made: Callable[[], LmtpProtocol]) -> asyncio.Server:
    """At a path, whose folder says who may come there, or at a host and port."""
    loop = asyncio.get_running_loop()
    try:
        if place.startswith("/"):
            server: asyncio.Server = await loop.create_unix_server(made, place)
            Path(place).chmod(0o666)
        else:
            host, _, port = place.rpartition(":")
            server = await loop.create_server(made, host.strip("[]"), int(port))
    except OSError as error:
        leave(f"MAILROOM_LMTP ({place}) cannot be used: {error.strerror or error}")
    log.info("LMTP is listening", on=place)
    return server


async def _listeners(
    settings: Settings, stopped: asyncio.Event, lent: socket.socket | None
) -> list[socket.socket]:
    """None when it is to end before the port was free. It waits, for who starts it may start the web with
    it, and would end that with it."""
    is_told = False
    while not stopped.is_set():
        try:
            return _listen(settings, lent)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                leave(
                    f"port {settings.submission_port} cannot be used ({error.strerror}): "
                    "set MAILROOM_SUBMISSION_PORT"
                )
        if not is_told:
            log.warning(
                "submission waits: another program has its port; end that, or set MAILROOM_SUBMISSION_PORT",
                port=settings.submission_port,
            )
            is_told = True
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), PORT_TRIED_EVERY)
    return []


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.submission_cert is None or settings.submission_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.submission_cert, settings.submission_key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        leave(f"MAILROOM_SUBMISSION_CERT and MAILROOM_SUBMISSION_KEY cannot be used: {reason}")
    return context


def _listen(settings: Settings, lent: socket.socket | None) -> list[socket.socket]:
    """Every address with a certificate; without one only this machine's, as nobody else could sign in.

    Raises OSError when the first of them cannot be had.
    """
    hosts = ["127.0.0.1"] if settings.submission_cert is None else ["0.0.0.0", "::"]
    found = [lent] if lent else list[socket.socket]()
    for host in hosts[len(found) :]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, settings.submission_port), family=family, backlog=100)
        except OSError:
            if found:  # a machine without IPv6
                continue
            raise
        found.append(listener)
    return found


if __name__ == "__main__":
    main()
