"""HTTP client: aiohttp, guarded, bounded in time and size; no redirects, no proxy, no cookies.

One deadline for the whole exchange, so that a server that sends an octet a second holds
nobody. Where it connects to is judged twice: what the name resolved to, and the very
address of every socket, so it does not matter how anybody reads a host.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from mailroom.http.answer import HttpAnswer, NoAnswer
from mailroom.http.aside import aside
from mailroom.http.guard import Guard, Target

HTTP_PATIENCE_SECONDS = 15.0
"""Seconds for one exchange, connecting included."""

LARGEST_HTTP_BODY = 64 * 1024
"""Octets of an answer that are read; of a larger one nobody wants the rest."""

MOST_ADDRESSES_TRIED = 2
"""Of a name that are tried: it may name thousands."""

UNCOMPRESSED = {"Accept-Encoding": "identity"}
NOT_ADDED = ("Accept", "User-Agent", "Content-Type")  # by aiohttp


class Client:
    """Calls one URL, over one connection for as long as the server keeps it. Belongs to one event loop.

    Raises Forbidden for a URL that may not be called.
    """

    def __init__(self, url: str, guard: Guard, patience: float = HTTP_PATIENCE_SECONDS) -> None:
        self._guard = guard
        self._target = guard.target(url)
        self._url = _url(self._target)
        self._patience = patience
        self._session: ClientSession | None = None

    async def post(self, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        """Raises NoAnswer, or Forbidden when the name leads somewhere else by now."""
        async with self._words(), asyncio.timeout(self._patience):
            if self._session is not None:
                with suppress(ClientError):
                    return await self._post(self._session, body, headers)
                # The server had closed it meanwhile. Whoever is called knows a repeated id.
                await self.close()
            self._session = await self._opened()
            return await self._post(self._session, body, headers)

    async def get(self, headers: dict[str, str], largest: int) -> HttpAnswer:
        """All of it. Raises NoAnswer, for more than `largest` octets too; or Forbidden, as post() does."""
        async with (
            self._words(),
            asyncio.timeout(self._patience),
            await self._opened() as session,
            session.get(self._url, headers=headers | UNCOMPRESSED, allow_redirects=False) as response,
        ):
            return _answer(response, await _whole(response, largest))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def _post(self, session: ClientSession, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        async with session.post(
            self._url, data=body, headers=headers | UNCOMPRESSED, allow_redirects=False
        ) as response:
            return _answer(response, await _beginning(response))

    async def _opened(self) -> ClientSession:
        # It reads every certificate that the system trusts.
        context = await aside(ssl.create_default_context) if self._target.is_https else True
        connector = TCPConnector(
            resolver=_Resolver(self._guard, self._target),
            socket_factory=self._socket,
            ssl=context,
            use_dns_cache=False,
            limit=1,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=NOT_ADDED,
            timeout=ClientTimeout(),
        )

    def _socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, (address, *_) = info
        if not self._guard.permits(self._target, str(address)):
            raise PermissionError(None, f"{address} is not on the public internet")
        return socket.socket(family, kind, protocol)

    @asynccontextmanager
    async def _words(self) -> AsyncIterator[None]:
        try:
            yield
        except TimeoutError as error:
            await self.close()
            raise NoAnswer(f"no answer within {self._patience:.0f} s") from error
        except ClientError as error:
            await self.close()
            raise NoAnswer(_words(error)) from error


class _Resolver(AbstractResolver):
    """The addresses of one target, whatever name it is asked for."""

    def __init__(self, guard: Guard, target: Target) -> None:
        self._guard = guard
        self._target = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await aside(lambda: self._guard.addresses(self._target))
        return [self._result(address) for address in addresses[:MOST_ADDRESSES_TRIED]]

    def _result(self, address: str) -> ResolveResult:
        return {
            "hostname": self._target.host,
            "host": address,
            "port": self._target.port,
            "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
            "proto": 0,
            "flags": socket.AI_NUMERICHOST,
        }

    async def close(self) -> None:
        """It keeps nothing."""


def fetch(url: str, guard: Guard, largest: int, patience: float, headers: dict[str, str]) -> HttpAnswer:
    """Client.get, for a thread that may wait."""
    return asyncio.run(Client(url, guard, patience).get(headers, largest))


def _url(target: Target) -> URL:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return URL(f"{target.scheme}://{host}:{target.port}{target.path}", encoded=True)


def _answer(response: ClientResponse, body: bytes) -> HttpAnswer:
    after = _seconds(response.headers.get("Retry-After"))
    return HttpAnswer(response.status, body, after, response.headers.get("Content-Type", ""))


async def _beginning(response: ClientResponse) -> bytes:
    """As much as arrives of LARGEST_HTTP_BODY octets; of what breaks off the status counts all the same."""
    body = bytearray()
    with suppress(ClientPayloadError):
        await _read(response, body, LARGEST_HTTP_BODY)
    return bytes(body[:LARGEST_HTTP_BODY])


async def _whole(response: ClientResponse, largest: int) -> bytes:
    # Nothing else was asked for, and what is packed is not the file that somebody meant.
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoAnswer("its answer is compressed")
    body = bytearray()
    if (response.content_length or 0) <= largest:
        await _read(response, body, largest)
    if max(len(body), response.content_length or 0) > largest:
        raise NoAnswer(f"its answer is larger than {largest:,} octets")
    return bytes(body)


async def _read(response: ClientResponse, body: bytearray, largest: int) -> None:
    """Adds to `body` until the end, or until it is larger than that."""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > largest:
            response.close()
            return


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else None


def _words(error: ClientError) -> str:
    if isinstance(error, ClientPayloadError):
        return "its answer broke off"
    if isinstance(error, ClientConnectorCertificateError):
        trouble = error.certificate_error
        return f"its certificate is not valid: {getattr(trouble, 'verify_message', trouble)}"
    if isinstance(error, ClientConnectorDNSError):
        return "its name could not be resolved"
    if isinstance(error, ClientResponseError):
        return "its answer is not HTTP"
    if isinstance(error, ClientConnectorError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
