"""A way to a mail server on which connections break at the final dot."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress

MORE = b"\r\n" + (b"z" * 70 + b"\r\n") * 100


class Cutter:
    """A way to a mail server, on which connections break at a final dot, as the recipient's name says:

    taken...   the dot goes through, and the answer is lost
    lost...    the dot is lost, and the text goes on in its place

    Once `is_mended`, all goes through.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.is_mended = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, name="the cutter", daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._visit, args=(client,), daemon=True).start()

    def _visit(self, client: socket.socket) -> None:
        is_cut = threading.Event()
        with closing(client), closing(socket.create_connection(("127.0.0.1", self._server_port))) as server:
            threading.Thread(target=_pass_on, args=(server, client, is_cut), daemon=True).start()
            said = b""
            with suppress(OSError):
                while data := client.recv(1 << 16):
                    said += data
                    content, dot, _ = said.partition(b"\r\n.\r\n")
                    kind = b"" if self.is_mended or not dot else _kind(content)
                    if kind:
                        is_cut.set()
                        before = data.partition(b"\r\n.\r\n")[0]
                        server.sendall(before + (dot if kind == b"taken" else MORE))
                        threading.Event().wait(0.3)  # Postfix answers, or reads on
                        return
                    server.sendall(data)
                    said = said.rpartition(b"\r\n.\r\n")[2] if dot else said


def _kind(content: bytes) -> bytes:
    recipient = content.rpartition(b"RCPT TO:<")[2]
    return next((kind for kind in (b"taken", b"lost") if recipient.startswith(kind)), b"")


def _pass_on(source: socket.socket, target: socket.socket, is_cut: threading.Event) -> None:
    with suppress(OSError):
        while (data := source.recv(1 << 16)) and not is_cut.is_set():
            target.sendall(data)
