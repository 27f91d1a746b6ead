"""A real Postfix for tests, on loopback, with configuration, queue and log of its own. It wants root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path

from mailroom.local.ports import free_port

NO_POSTFIX = "Postfix is missing, or we are not root; on Debian and Ubuntu: apt-get install postfix"

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_recipient_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{next_port}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MORE = b"\r\n" + (b"z" * 70 + b"\r\n") * 100


def is_installed() -> bool:
    return os.geteuid() == 0 and _program() is not None


def _program() -> str | None:
    return shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")


class Postfix:
    """`with Postfix(port) as postfix:` hands all that it takes on to the server on that port."""

    def __init__(self, next_port: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-postfix-", dir="/tmp"))
        self.folder.chmod(0o755)  # its programs run as somebody else
        self.port, self.log = free_port(), self.folder / "mail.log"
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        values = {"folder": self.folder, "port": self.port, "next_port": next_port}
        (self.folder / "etc/main.cf").write_text(MAIN.format(**values))
        (self.folder / "etc/master.cf").write_text(MASTER.format(**values))

    def __enter__(self) -> Postfix:
        self._run("start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("abort")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, word: str) -> None:
        program = _program()
        assert program is not None, NO_POSTFIX
        subprocess.run([program, "-c", self.folder / "etc", word], check=True, capture_output=True)


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
