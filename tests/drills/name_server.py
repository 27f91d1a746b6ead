"""A name server that is told what to say, and a namespace in which the workers ask only it.

Where nobody may make one (it is for root on Linux, with util-linux's unshare), what they ask is replaced.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

ADDRESSES = [f"127.29.0.{number}" for number in range(1, 50)]
HEADER = struct.Struct("!HHHHHH")
ANSWER = struct.Struct("!HHHIH4s")
A_RECORD = 1


class NameServer:
    """It is silent until it is told what to say: the address of whatever is asked for."""

    def __init__(self, folder: Path) -> None:
        self._says: str | None = None
        self._file = folder / "says"
        self._resolv_conf = folder / "resolv.conf"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._is_real = False

    def __enter__(self) -> Self:
        self.says(None)
        if os.geteuid() == 0 and shutil.which("unshare") and self._listens():
            threading.Thread(target=self._serve, daemon=True).start()
            self._is_real = (
                subprocess.run([*self._before(), "true"], stderr=subprocess.DEVNULL).returncode == 0
            )
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def says(self, address: str | None) -> None:
        """None: nothing."""
        self._says = address
        new = self._file.with_suffix(".new")
        new.write_text(address or "")
        new.replace(self._file)

    @property
    def how(self) -> str:
        return "" if self._is_real else "what the workers ask is replaced"

    @property
    def before(self) -> list[str]:
        """What a command begins with that is to ask this one."""
        return self._before() if self._is_real else ["env", f"SAYS={self._file}"]

    def _before(self) -> list[str]:
        script = f'mount --bind {self._resolv_conf} /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh"]

    def _listens(self) -> bool:
        for address in ADDRESSES:  # several drills run at once
            with suppress(OSError):
                self._socket.bind((address, 53))
                # A silent one costs a look-up some seconds in place of ten.
                self._resolv_conf.write_text(f"nameserver {address}\noptions timeout:2 attempts:2\n")
                return True
        return False

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                query, client = self._socket.recvfrom(512)
                if (address := self._says) is not None:
                    self._socket.sendto(_reply(query, address), client)


def _reply(query: bytes, address: str) -> bytes:
    end = query.index(b"\0", HEADER.size) + 5  # the name, its type and its class
    number, question = HEADER.unpack_from(query)[0], query[HEADER.size : end]
    is_a = struct.unpack_from("!H", question, len(question) - 4)[0] == A_RECORD
    head = HEADER.pack(number, 0x8180, 1, int(is_a), 0, 0)
    answer = ANSWER.pack(0xC00C, A_RECORD, 1, 1, 4, socket.inet_aton(address)) if is_a else b""
    return head + question + answer
