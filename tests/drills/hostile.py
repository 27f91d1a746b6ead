"""Whoever has a key tries to hold up everybody else: fault 27.

One line in ATTACKS for each: what is tried, and the submission. More kinds (headers by SMTP, bodies
of JSON, headings of CSV) are further lines.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
from sqlalchemy import select

from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import mailings as mailings_table
from tests.drills.drill import drill
from tests.drills.stage import Stage
from tests.servers import wait_until
from tests.system import ROOT

LEAVES_WITHIN = 5.0
"""Seconds from an innocent person's request to the mail server's having the mail."""

GROWS_BY = 150 << 20
"""Bytes that a process may grow."""

HIDDEN = "{{% if plan == 'hidden' %}}{}{{% endif %}}Hello {{{{ name | upcase }}}}"
"""The recipients that are tried at Send are not those whom it is for."""


def hidden(template: str) -> str:
    return HIDDEN.format(template)


def loop(body: str, times: int = 9_999) -> str:
    return f"{{% for i in (1..{times}) %}}{body}{{% endfor %}}"


def mailing(size: int, **texts: str) -> dict[str, Any]:
    """A mailing of which the recipients that are not tried have what makes it dear."""
    tried = {(size - 1) * place // 9 for place in range(10)}
    people = [
        {
            "address": f"hostile{number}@mail.example",
            "variables": {"plan": "gold" if number in tried else "hidden", "big": "x" * 2_000},
        }
        for number in range(size)
    ]
    return {"from": "eve@hostile.example", "subject": "Hi", "text": "Hi", "recipients": people} | texts


Submission = Callable[[int], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Attack:
    """`submission`: the path and the JSON that are posted, for so many recipients."""

    what: str
    submission: Submission
    answer: int = 200


def template(source: str) -> Submission:
    """In text and HTML, for those who are not tried."""
    return lambda size: ("/mailings", mailing(size, text=hidden(source), html=hidden(source)))


def failing_last(size: int) -> tuple[str, dict[str, Any]]:
    """Subject and text are as much work as each may be, and then the HTML is more: batches of which no
    mail gets as far as the server.
    """
    size = max(size, 1_000)
    dear = hidden(loop("{% assign n = i | plus: 1 %}", 7_000))
    return "/mailings", mailing(
        size, subject=dear, text=dear, html=hidden(loop("{% if true %}{% endif %}" * 90))
    )


ATTACKS = [
    Attack("all that a mail may, and then more", failing_last),
    Attack("split, sort, first", template(loop("{% assign a = big | split: '' | sort | first %}", 2_500))),
    Attack("a range, sorted", template("{{ (1..100000000) | sort | size }}")),
    Attack("a range, reversed", template("{% for i in (1..100000000) reversed %}{{ i }}{% endfor %}")),
    Attack("as much work as one mail may", template(loop("{{ i | plus: 1 }}", 5_500))),
    Attack("conditions that say nothing", template(loop("{% if true %}{% endif %}" * 90))),
    Attack("a large text for each", template(loop("{{ big }}", 500))),
    Attack("a small mailing of the same", lambda size: template(loop("{{ i | plus: 1 }}", 5_500))(20)),
    Attack("a loop for everybody", lambda size: ("/mailings", mailing(size, text=loop("x", 10**9))), 422),
    Attack("tags without end", lambda size: ("/mailings", mailing(size, text="{{ a|b }}" * 90_000)), 422),
]


class Web:
    """gunicorn as it is run in production."""

    def __init__(self, stage: Stage) -> None:
        self._system = stage.system
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Web:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "app:create_app()"],
            cwd=ROOT,
            env={**self._system.environment, "GUNICORN_CMD_ARGS": f"--bind fd://{self._listening.fileno()}"},
            pass_fds=[self._listening.fileno()],
            stderr=(self._system.folder / "web.log").open("ab"),
        )
        wait_until(self._answers, 30, "the web processes")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._listening.close()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.origin}/healthz", timeout=5).close()
        except OSError:
            return False
        return True

    def post(self, key: str, path: str, body: dict[str, Any]) -> int:
        """The answer's status."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.origin}/api/v1{path}", json.dumps(body).encode(), headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code


class Sizes:
    """How far each process of the system grew, looked at ten times a second."""

    def __init__(self, roots: list[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in roots]
        self._least: dict[int, int] = {}
        self.grown: dict[int, int] = {}

    def look(self) -> None:
        for root in self._roots:
            for process in (root, *root.children(recursive=True)):
                try:
                    size = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                least = self._least.setdefault(process.pid, size)
                self.grown[process.pid] = max(self.grown.get(process.pid, 0), size - least)


@dataclass
class Innocent:
    """Somebody who sends a single mail now and then."""

    web: Web
    key: str
    asked: dict[str, float] = field(default_factory=dict)

    def send(self) -> None:
        address = f"innocent{len(self.asked)}@mail.example"
        self.asked[address] = time.time()
        letter = {"from": "ann@innocent.example", "subject": "Hi", "text": "Hello {{ name }}"}
        assert self.web.post(self.key, "/mailings", letter | {"recipients": [{"address": address}]}) == 200
        began = self.asked[address]
        assert time.time() - began < LEAVES_WITHIN, f"a request took {time.time() - began:.1f} s"


@contextmanager
def beside(act: Callable[[], None], every: float) -> Iterator[list[BaseException]]:
    """Does it again and again, beside what the block does; what went wrong is in the list."""
    over, wrong = threading.Event(), list[BaseException]()

    def go_on() -> None:
        while not over.wait(every):
            try:
                act()
            except BaseException as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join(60)


@drill(
    "27",
    "a hostile key",
    without="`is_out_of_breath` in `Feed.next`: a batch is rendered to its end before anybody "
    "else has a turn",
)
def a_hostile_key(stage: Stage) -> None:
    system = stage.system
    pool = system.start_workers(1, lease=stage.lease)  # with a second one there would be a way round
    system.wait(lambda: system.workers(pool))
    with Web(stage) as web:
        hostile, innocent = (_key(stage, name) for name in ("hostile", "innocent"))
        person, sizes = Innocent(web, innocent), Sizes([pool.pid, web.process.pid])
        for _ in range(5):  # everything that is loaded once is loaded
            person.send()
        time.sleep(1)
        with beside(sizes.look, 0.1), beside(person.send, 0.25) as wrong:
            for attack in ATTACKS:
                path, body = attack.submission(stage.size(100, 1_000))
                answer = web.post(hostile, path, body)
                assert answer == attack.answer, f"{attack.what}: {answer}"
                stage.accepted += len(body["recipients"]) if answer == 200 else 0
            time.sleep(stage.size(10, 60))
        assert not wrong, wrong[0]
        time.sleep(LEAVES_WITHIN)  # so long the last mail may take
        _judge(stage, person, sizes)
        _stop_what_is_left(stage)


def _key(stage: Stage, name: str) -> str:
    with stage.system.database.begin() as connection:
        return api_keys.add(connection, name, scopes=["admin"])[0]


def _stop_what_is_left(stage: Stage) -> None:
    """Whatever the hostile mailings still are: canceled. All others must be over."""
    with stage.system.database.begin() as connection:
        stage.mailings = list(connection.execute(select(mailings_table.c.id)).scalars())
        for mailing_id in stage.mailings:
            mailings.cancel(connection, mailing_id)
    stage.wait_until_over()


def _judge(stage: Stage, person: Innocent, sizes: Sizes) -> None:
    arrived = {message.recipient: message.time for message in stage.system.sink.messages()}
    now = time.time()
    late = {address: arrived.get(address, now) - asked for address, asked in person.asked.items()}
    slowest, most = max(late.values()), max(sizes.grown.values())
    stage.accepted += len(person.asked)  # each of which got a 200
    stage.how = f"an innocent mail left within {slowest:.1f} s, no process grew by {most >> 20} MB"
    assert slowest < LEAVES_WITHIN, f"an innocent mail took {slowest:.1f} s"
    assert most < GROWS_BY, f"a process grew by {most >> 20} MB"
