"""Greeting: connect, EHLO, STARTTLS, AUTH; from a host name to a session that may send."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass, replace

from aiohappyeyeballs import start_connection

from mailroom.host_names import LOOK_UP_PATIENCE, AddressInfo
from mailroom.smtp.failure import Failure, Stage, refused
from mailroom.smtp.own_name import address_literal
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server, tls_context
from mailroom.smtp.wire import Broken, Wire

CONNECT_AT_MOST = 30.0
HAPPY_EYEBALLS_DELAY = 0.25
"""Seconds until the next address is tried beside one that does not answer (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a server's EHLO offered."""

    starttls: bool = False
    pipelining: bool = False
    size: bool = False
    size_limit: int = 0  # 0: none was named
    auth: frozenset[str] = frozenset()


async def greet(server: Server) -> tuple[Wire, Extensions]:
    """A connection that is ready for MAIL. Raises Failure with scope `server`."""
    wire = await _connect(server)
    try:
        banner = await _expect(wire, "connect", server.timeout, None)
        server.learned.meet(banner.text)
        extensions = await _hello(wire, server)
        if server.tls == "starttls":
            await _start_tls(wire, server, extensions)
            extensions = await _hello(wire, server)
        if server.username is not None:
            await _log_in(wire, server, extensions)
        return wire, extensions
    except BaseException:
        wire.abort()
        raise


async def _connect(server: Server) -> Wire:
    limit = min(CONNECT_AT_MOST, server.timeout)
    try:
        addresses = await server.host_name.addresses(min(LOOK_UP_PATIENCE, limit))
        async with asyncio.timeout(limit):
            wire = await _connected(server, addresses)
    except BaseException as error:
        server.host_name.distrust()
        if isinstance(error, ssl.SSLError):
            raise _tls_failure(server, error) from None
        if isinstance(error, TimeoutError):
            raise _unreachable(server, f"no answer within {limit:g} seconds") from None
        if isinstance(error, (OSError, UnicodeError)):
            raise _unreachable(server, _why(error)) from None
        raise
    server.host_name.trust()
    return wire


async def _connected(server: Server, addresses: list[AddressInfo]) -> Wire:
    implicit = server.tls == "implicit"
    connected = await start_connection(addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY)
    _, wire = await asyncio.get_running_loop().create_connection(
        lambda: Wire(server.timeout),
        sock=connected,
        ssl=_context(server) if implicit else None,
        server_hostname=server.host if implicit else None,
    )
    return wire


async def _hello(wire: Wire, server: Server) -> Extensions:
    name = (server.helo or address_literal(wire.own_address)).encode("ascii", "replace")
    wire.write(b"EHLO %s\r\n" % name)
    reply = await _answer(wire, "ehlo", server.timeout)
    if reply.is_permanent:
        wire.write(b"HELO %s\r\n" % name)
        await _expect(wire, "ehlo", server.timeout, None)
        return Extensions()
    if not reply.is_positive:
        raise refused("ehlo", reply, "server")
    return offered(reply.text)


def offered(text: str) -> Extensions:
    """The extensions in an EHLO reply's words."""
    extensions = Extensions()
    for line in text.upper().split("\n")[1:]:
        name, _, rest = line.replace("AUTH=", "AUTH ", 1).strip().partition(" ")
        if name == "STARTTLS":
            extensions = replace(extensions, starttls=True)
        elif name == "PIPELINING":
            extensions = replace(extensions, pipelining=True)
        elif name == "SIZE":
            limit = int(rest) if rest.isascii() and rest.isdigit() else 0
            extensions = replace(extensions, size=True, size_limit=limit)
        elif name == "AUTH":
            extensions = replace(extensions, auth=extensions.auth | frozenset(rest.split()))
    return extensions


async def _start_tls(wire: Wire, server: Server, extensions: Extensions) -> None:
    if not extensions.starttls:
        raise _server_failure("tls", f"{server.name} does not offer STARTTLS, so nothing was sent there")
    wire.write(b"STARTTLS\r\n")
    await _expect(wire, "tls", server.timeout, None)
    if wire.has_unread:
        # Somebody on the way may have slipped in replies that would count as the
        # server's own once TLS is up (CVE-2011-0411 and its kin).
        raise _server_failure("tls", f"{server.name} sent words in clear after its reply to STARTTLS")
    loop = asyncio.get_running_loop()
    try:
        transport = await loop.start_tls(
            wire.transport,
            wire,
            _context(server),
            server_hostname=server.host,
            ssl_handshake_timeout=min(CONNECT_AT_MOST, server.timeout),
        )
    except ssl.SSLError as error:
        raise _tls_failure(server, error) from None
    except OSError as error:
        raise _server_failure("tls", f"TLS with {server.name} failed: {error or 'it hung up'}") from None
    if transport is None:
        raise _server_failure("tls", f"TLS with {server.name} failed: it hung up")
    wire.transport = transport


async def _log_in(wire: Wire, server: Server, extensions: Extensions) -> None:
    if server.tls == "none" and not _is_loopback(wire):
        raise _server_failure(
            "auth",
            f"the login for {server.name} was not sent, because the connection is not encrypted: "
            "set MAIL_USE_TLS or MAIL_USE_SSL",
        )
    username, password = (server.username or "").encode(), (server.password or "").encode()
    token = base64.b64encode(b"\0%s\0%s" % (username, password))
    user, secret = base64.b64encode(username), base64.b64encode(password)
    # Some servers repeat what they were sent; a password must not get into a log that way.
    hidden = tuple(part.decode() for part in (token, secret, password) if part)
    if not extensions.auth & {"PLAIN", "LOGIN"}:
        names = ", ".join(sorted(extensions.auth)) or "none"
        message = f"{server.name} offers no login of a kind that we know (PLAIN, LOGIN); it offers: {names}"
        raise _server_failure("auth", message)
    refusal: Failure | None = None
    if "PLAIN" in extensions.auth:
        wire.write(b"AUTH PLAIN %s\r\n" % token)
        reply = _without(await _answer(wire, "auth", server.timeout), hidden)
        if reply.is_positive:
            return
        refusal = refused("auth", reply, "server")
        if reply.is_temporary or "LOGIN" not in extensions.auth:
            raise refusal
    # After a refused PLAIN too: some servers offer both, and know people by LOGIN only.
    try:
        await _log_in_step_by_step(wire, server, (user, secret), hidden)
    except Failure as failure:
        raise failure if failure.reply else refusal or failure from None


async def _log_in_step_by_step(
    wire: Wire, server: Server, answers: tuple[bytes, bytes], hidden: tuple[str, ...]
) -> None:
    """AUTH LOGIN: the name and the password, each when it is asked for."""
    wire.write(b"AUTH LOGIN\r\n")
    for answer in answers:
        await _challenge(wire, server, hidden)
        wire.write(b"%s\r\n" % answer)
    await _expect(wire, "auth", server.timeout, hidden)


async def _challenge(wire: Wire, server: Server, hidden: tuple[str, ...]) -> None:
    reply = _without(await _answer(wire, "auth", server.timeout), hidden)
    if reply.code != 334:
        raise refused("auth", reply, "server")


async def _expect(wire: Wire, stage: Stage, timeout: float, hidden: tuple[str, ...] | None) -> Reply:
    reply = _without(await _answer(wire, stage, timeout), hidden or ())
    if not reply.is_positive:
        raise refused(stage, reply, "server")
    return reply


async def _answer(wire: Wire, stage: Stage, timeout: float) -> Reply:
    try:
        return await wire.reply(timeout)
    except Broken as broken:
        raise _server_failure(stage, broken.message) from None


def _without(reply: Reply, hidden: tuple[str, ...]) -> Reply:
    text = reply.text
    for part in hidden:
        text = text.replace(part, "***")
    return reply._replace(text=text)


def _is_loopback(wire: Wire) -> bool:
    peer = wire.transport.get_extra_info("peername")
    return bool(peer) and ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback


def _context(server: Server) -> ssl.SSLContext:
    try:
        return tls_context(server.ca_file)
    except OSError as error:
        raise _server_failure("tls", f"the certificate authorities in {server.ca_file}: {error}") from None


def _unreachable(server: Server, why: str) -> Failure:
    return _server_failure("connect", f"{server.name} cannot be reached: {why}")


def _why(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is not the name of a host"
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno) if error.errno else str(error)


def _tls_failure(server: Server, error: ssl.SSLError) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not valid: {error.verify_message}"
    else:
        why = error.reason or str(error)
    return _server_failure("tls", f"TLS with {server.name} failed: {why}")


def _server_failure(stage: Stage, message: str) -> Failure:
    return Failure(message, stage=stage, scope="server")
