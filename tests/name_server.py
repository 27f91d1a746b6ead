"""A name server on a port of its own, which knows the TXT records that it is given."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class TextServer:
    """`records`: texts by name. A name that stands above one of them exists, too; others do not.
    `is_silent`: it never answers.
    """

    def __init__(self, records: Mapping[str, list[str]], *, is_silent: bool = False) -> None:
        self._records, self._is_silent = records, is_silent
        self._socket = socket(AF_INET, SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket(AF_INET, SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                data, client = self._socket.recvfrom(2_000)
                if not data:
                    return
                query = dns.message.from_wire(data)
                self.asked.append(str(query.question[0].name).rstrip("."))
                if not self._is_silent:
                    self._socket.sendto(self._answer(query).to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        asked = query.question[0]
        name = str(asked.name).rstrip(".").lower()
        if texts := self._records.get(name):
            quoted = [f'"{text}"' for text in texts]
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "TXT", *quoted))
        elif not any(known.endswith(f".{name}") for known in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
