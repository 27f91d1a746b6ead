"""aiosmtpd's server with our rules: who may sign in where, and nothing without it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, syntax

from mailroom.submission.reception import LARGEST, Reception

COMMANDS = {"AUTH": 5, "STARTTLS": 1, "VRFY": 1, "EXPN": 1, "HELP": 10, "*": 100_000}
"""How often a connection may give each."""


class Protocol(SMTP):
    """One connection."""

    line_length_limit = 1024 * 1024  # long lines are taken, and broken before they are sent on

    def __init__(self, reception: Reception, hostname: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            reception,
            data_size_limit=LARGEST,
            hostname=hostname,
            ident="Mailroom",
            tls_context=tls,
            timeout=300,
            auth_required=True,
            auth_require_tls=True,
            authenticator=_nobody,
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._reception = reception

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What this machine says to itself is on no wire.
        self._auth_require_tls = not _is_loopback(transport.get_extra_info("peername"))
        super().connection_made(transport)

    async def auth_PLAIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(await super().auth_PLAIN(_, args))

    async def auth_LOGIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(await super().auth_LOGIN(_, args))

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Asks whether a message may come, if nothing else speaks against it."""
        refusal = await self._refusal() if not arg else None
        if refusal is None:
            await super().smtp_DATA(arg)
            return
        self.envelope = self._create_envelope()  # the next MAIL begins anew, as after any end of DATA
        await self.push(refusal)

    async def _refusal(self) -> str | None:
        session, envelope = self.session, self.envelope
        if session is None or not session.authenticated or envelope is None or not envelope.rcpt_tos:
            return None  # aiosmtpd says what comes first
        return await self._reception.admit(session)

    async def _judged(self, read: AuthResult) -> AuthResult:
        if not isinstance(read.auth_data, LoginPassword):
            return read
        return await self._reception.sign_in(read.auth_data.password)


def _nobody(*arguments: Any) -> AuthResult:
    """What the mechanisms made of the client's words, which `_judged` is yet to judge."""
    return AuthResult(success=False, handled=False, auth_data=arguments[-1])


def _is_loopback(peer: tuple[Any, ...] | None) -> bool:
    if not peer:
        return False
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
