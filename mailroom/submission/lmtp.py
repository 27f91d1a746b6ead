"""LMTP (RFC 2033), as mail servers deliver to mailboxes: for the bounce address, and nothing else."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import Envelope, syntax

from mailroom.submission.protocol import SubmissionProtocol


class LmtpProtocol(SubmissionProtocol):
    """One connection. There is nothing to sign in for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._auth_require_tls = True  # and there is no TLS

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:
        await SubmissionProtocol.smtp_EHLO(self, hostname)

    async def smtp_EHLO(self, hostname: str) -> None:
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_HELO(self, hostname: str) -> None:
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    def _replies_to(self, envelope: Envelope) -> int:
        """One for each recipient (RFC 2033, 4.2)."""
        return len(envelope.rcpt_tos)
