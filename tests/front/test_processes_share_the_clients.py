"""A client stays with the process that accepts it: so they are shared by how busy each process is."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.web_server import WebServer

CLIENTS, THREADS = 12, 8
ASK = b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n"


def process_of(answer: bytes) -> int:
    found = re.search(rb"process (\d+)", answer)
    assert found is not None, answer
    return int(found[1])


def test_clients_of_a_burst_are_shared_by_two_processes(tmp_path: Path) -> None:
    application = "tests.front.slow_answers:app"
    options = f"--workers 2 --threads {THREADS}"
    with WebServer(tmp_path, {}, options, application=application) as web, ExitStack() as stack:
        time.sleep(1)  # both processes are there
        clients = []
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 10))
            client.sendall(ASK)
            clients.append(client)
            time.sleep(0.02)  # as soon as the one before is at work
        answered_by = Counter(process_of(client.recv(10_000)) for client in clients)
    assert len(answered_by) == 2, answered_by
    assert min(answered_by.values()) >= CLIENTS // 4, answered_by
