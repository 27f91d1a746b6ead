"""Failures of handing over a message.

Failure      one family; `kind` says what becomes of the delivery, `scope` what is at fault
Withdrawn    not the server's doing: the mark was refused, the message was not sent
"""

from __future__ import annotations

from typing import Literal

from mailroom.smtp.reply import Reply

Stage = Literal["connect", "tls", "ehlo", "auth", "mail", "rcpt", "data", "dot"]
Kind = Literal["temporary", "permanent", "unknown"]
Scope = Literal["delivery", "server", "session"]

STAGE_WORDS: dict[Stage, str] = {
    "connect": "the connection",
    "tls": "TLS",
    "ehlo": "our greeting",
    "auth": "our login",
    "mail": "the sender",
    "rcpt": "the recipient",
    "data": "the message",
    "dot": "the message",
}


class Failure(Exception):
    """A message was not (or not known to be) accepted.

    kind   temporary: worth another try; permanent: never; unknown: the server has the
           message but its reply did not come, so it may have been accepted
    scope  delivery: this one; session: the connection died before the dot, so reopen and
           try again at once; server: nothing can be sent there now, and no delivery is to blame
    """

    def __init__(
        self,
        message: str,
        *,
        stage: Stage,
        kind: Kind = "temporary",
        scope: Scope = "delivery",
        reply: Reply | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.stage = stage
        self.kind = kind
        self.scope = scope
        self.reply = reply

    def __repr__(self) -> str:
        return f"<Failure {self.stage} {self.kind} {self.scope}: {self.message}>"

    @property
    def code(self) -> int | None:
        return self.reply.code if self.reply else None


class Withdrawn(Exception):
    """The mark was refused after 354: the connection was closed, the message not sent."""


def refused(stage: Stage, reply: Reply, scope: Scope = "delivery") -> Failure:
    """What a 4xx or 5xx reply at `stage` means. A server's refusal never condemns a delivery."""
    permanent = reply.is_permanent and scope == "delivery"
    verb = "refused" if reply.is_permanent else "put off"
    return Failure(
        f"the server {verb} {STAGE_WORDS[stage]}: {reply}",
        stage=stage,
        kind="permanent" if permanent else "temporary",
        scope=scope,
        reply=reply,
    )
