"""The sink's commands: plain SMTP, with STARTTLS, AUTH, SIZE and PIPELINING."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

from mailroom.sink.peer import Peer, SharedBySessions


class SinkConnection(Peer):
    def __init__(self, sink: SharedBySessions) -> None:
        super().__init__(sink)
        self._taker: Callable[[str], None] | None = None  # of the next line of AUTH
        self._encrypted = self._options.tls == "implicit"
        self._logged_in = not self._options.auth
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._messages = 0

    def command(self, line: str) -> None:
        if self._taker is not None:
            taker, self._taker = self._taker, None
            return taker(line)
        verb, _, rest = line.partition(" ")
        handler = HANDLERS.get(verb.upper())
        if handler is None:
            self._out.append(b"500 5.5.2 Unknown command\r\n")
        else:
            handler(self, rest)

    def _ehlo(self, rest: str) -> None:
        options = self._options
        if not options.ehlo:
            return self._out.append(b"502 5.5.1 Only HELO is known here\r\n")
        offers = ["sink", "8BITMIME", f"SIZE {options.size}" if options.size else "SIZE"]
        if options.pipelining != "off":
            offers.append("PIPELINING")
        if options.tls == "starttls" and not self._encrypted:
            offers.append("STARTTLS")
        if options.auth:
            offers.append("AUTH PLAIN LOGIN")
        lines = [f"250-{offer}\r\n" for offer in offers[:-1]]
        self._reset()
        self._context.helo = rest
        self.stage("ehlo", "".join([*lines, f"250 {offers[-1]}\r\n"]).encode())

    def _helo(self, rest: str) -> None:
        self._reset()
        self._context.helo = rest
        self.stage("ehlo", b"250 sink\r\n")

    def _starttls(self, rest: str) -> None:
        if self._options.tls != "starttls" or self._encrypted:
            return self._out.append(b"503 5.5.1 No STARTTLS here\r\n")
        self.stage("starttls", b"220 2.0.0 Ready to start TLS\r\n", self._begin_tls)

    def _begin_tls(self) -> None:
        self._flush()
        self._paused = True
        self._buffer.clear()  # what came in clear counts no more
        self._sink.start_tls(self._transport, self, self._encrypted_by)

    def _encrypted_by(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._encrypted = True
        self._paused = False
        self._process()

    def _auth(self, rest: str) -> None:
        kind, _, initial = rest.partition(" ")
        if kind.upper() == "PLAIN" and initial:
            self._plain(initial)
        elif kind.upper() == "PLAIN":
            self._challenge(b"334 \r\n", self._plain)
        elif kind.upper() == "LOGIN":
            self._challenge(b"334 VXNlcm5hbWU6\r\n", self._login_user)
        else:
            self._out.append(b"504 5.5.4 Unknown kind of AUTH\r\n")

    def _challenge(self, words: bytes, taker: Callable[[str], None]) -> None:
        self._out.append(words)
        self._taker = taker

    def _plain(self, token: str) -> None:
        self._log_in(_decoded(token).partition("\0")[2].replace("\0", ":", 1))

    def _login_user(self, user: str) -> None:
        self._challenge(
            b"334 UGFzc3dvcmQ6\r\n", lambda secret: self._log_in(f"{_decoded(user)}:{_decoded(secret)}")
        )

    def _log_in(self, login: str) -> None:
        if login != self._options.auth:
            return self._out.append(b"535 5.7.8 Wrong user name or password\r\n")
        self.stage("auth", b"235 2.7.0 Welcome\r\n", self._welcome)

    def _welcome(self) -> None:
        self._logged_in = True

    def _mail(self, rest: str) -> None:
        if not self._logged_in:
            return self._out.append(b"530 5.7.0 Authentication required\r\n")
        if self._options.max_messages and self._messages >= self._options.max_messages:
            return self.leave(b"421 4.7.0 Too many messages in one session\r\n")
        if self._sender is not None:
            return self._out.append(b"503 5.5.1 Nested MAIL command\r\n")
        sender = _path(rest)
        self._context.message = self._sink.announced()
        self._context.sender = sender

        def accepted() -> None:
            self._sender = sender

        size = rest.upper().partition(" SIZE=")[2].partition(" ")[0]
        if self._options.size and size.isdigit() and int(size) > self._options.size:
            return self._out.append(b"552 5.3.4 Message too large\r\n")
        self.stage("mail", b"250 2.1.0 Sender ok\r\n", accepted)

    def _rcpt(self, rest: str) -> None:
        if self._sender is None:
            return self._out.append(b"503 5.5.1 MAIL comes first\r\n")
        recipient = _path(rest)
        self._context.recipient = recipient
        self.stage("rcpt", b"250 2.1.5 Recipient ok\r\n", lambda: self._recipients.append(recipient))

    def _data(self, rest: str) -> None:
        if self._recipients:
            self.stage("data", b"354 End data with <CR><LF>.<CR><LF>\r\n", self.begin_content)
        else:
            self.stage("data", b"503 5.5.1 RCPT comes first\r\n")

    def _rset(self, rest: str) -> None:
        self._reset()
        self._out.append(b"250 2.0.0 Reset\r\n")

    def _noop(self, rest: str) -> None:
        self._out.append(b"250 2.0.0 Here\r\n")

    def _quit(self, rest: str) -> None:
        self.leave(b"221 2.0.0 Bye\r\n")

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []
        self._context.sender = self._context.recipient = None

    def content(self, raw: bytes) -> None:
        sender, recipients = self._sender or "", self._recipients
        self._sender, self._recipients = None, []
        if not recipients:
            return self._out.append(b"554 5.5.1 No valid recipients\r\n")
        if self._options.size and len(raw) > self._options.size:
            return self._out.append(b"552 5.3.4 Message too large\r\n")

        def record() -> None:
            self._messages += 1
            connection = self._context.connection
            self._sink.record.add(
                time.time(), connection, self._peer, sender, recipients, raw, self._context.helo
            )
            self.stage("after-record", b"250 2.0.0 Ok: recorded\r\n", lambda: self.stage("after-250", b""))

        self.stage("dot", b"", record)


HANDLERS: dict[str, Callable[[SinkConnection, str], None]] = {
    "EHLO": SinkConnection._ehlo,
    "HELO": SinkConnection._helo,
    "STARTTLS": SinkConnection._starttls,
    "AUTH": SinkConnection._auth,
    "MAIL": SinkConnection._mail,
    "RCPT": SinkConnection._rcpt,
    "DATA": SinkConnection._data,
    "RSET": SinkConnection._rset,
    "NOOP": SinkConnection._noop,
    "QUIT": SinkConnection._quit,
}


def _path(rest: str) -> str:
    """The address in `FROM:<ann@example.org> SIZE=1`."""
    return rest.partition("<")[2].rpartition(">")[0] or rest.partition(":")[2].strip().partition(" ")[
        0
    ].strip("<>")


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token).decode()
    except ValueError:
        return ""
