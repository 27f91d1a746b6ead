"""What may listen where Redis should be: other servers, a proxy, a Redis that refuses, noise, silence."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

ANSWERS: dict[str, bytes | None] = {
    "a web server": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "a mail server": b"220 mail.example ESMTP\r\n502 5.5.2 Error: command not recognized\r\n",
    "a proxy without its Redis": b"-ERR upstream is away\r\n",
    "a Redis that loads": b"-LOADING Redis is loading the dataset in memory\r\n",
    "a replica": b"-READONLY You can't write against a read only replica.\r\n",
    "a Redis that wants a password": b"-NOAUTH Authentication required.\r\n",
    "only OK": b"+OK\r\n" * 8,
    "only numbers": b":1\r\n" * 8,
    "only nothing": b"$-1\r\n" * 8,
    "lists of nothing": b"*1\r\n*-1\r\n" * 8,
    "text in another encoding": b"$4\r\n\xff\xfe\x00\x01\r\n" * 8,
    "a length that is none": b"$x\r\n",
    "half an answer": b"*3\r\n$3\r\n",
    "a TLS server": b"\x15\x03\x01\x00\x02\x02\x46",
    "noise": bytes(range(256)) * 4,
    "who hangs up": b"",
    "silence": None,
}


class NoRedis:
    """`with NoRedis(answer) as url:` each thing that is said to it gets this answer; None: none at all."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    def __enter__(self) -> str:
        threading.Thread(target=self._listen, daemon=True).start()
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for client in self._open:
            client.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            while client.recv(65536):
                if self._answer is not None:
                    client.sendall(self._answer)
                if self._answer == b"":
                    client.close()
