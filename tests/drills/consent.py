"""People unsubscribe by the hundred from a mailing that is going out: fault 21."""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit

from sqlalchemy import select

from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import states, suppressions
from mailroom.ledger.schema import deliveries
from tests.drills.drill import drill
from tests.drills.stage import Stage
from tests.links import NEWS
from tests.web_server import WebServer


@drill(
    "21",
    "hundreds unsubscribe in one click during the send",
    without="`~stops_delivery()` in `marks.mark_statement`: who was told that nothing comes any more gets it",
)
def people_unsubscribe(stage: Stage) -> None:
    system = stage.build("any: delay dot 0.01", sink=["--keep"])
    size, leaving = stage.size(400, 6_000), stage.size(100, 1_000)
    with WebServer(system.folder, system.environment, "--workers 1 --threads 4") as web:
        stage.start_workers()
        people = [f"person{number}@mail.example" for number in range(size)]
        _mail(stage, NEWS, people[-leaving:])
        stage.wait_until_over()
        links = {message.recipient: _link(message.content or "") for message in system.sink.messages()}
        assert len(links) == leaving
        news = _mail(stage, replace(NEWS, subject="More news"), people)
        receipt = _mail(stage, replace(NEWS, subject="Receipt", text="Hi", purpose="transactional"), people)
        stage.arrived(0.2)
        random.shuffle(chosen := list(links.items()))
        with ThreadPoolExecutor(8) as pool:
            answered = dict(pool.map(lambda one: (one[0], _one_click(web.port, one[1])), chosen))
        stage.wait_until_over(120)
    with system.database.read() as connection:
        rows = connection.execute(
            select(deliveries).where(deliveries.c.mailing_id == news, deliveries.c.address.in_(answered))
        ).all()
        assert suppressions.count(connection) == leaving
    late = [row.address for row in rows if row.state == states.SENT and row.marked_at > answered[row.address]]
    assert late == [], "handed over after they were told that they are unsubscribed"
    stopped = sum(row.state == states.SUPPRESSED for row in rows)
    assert stopped > leaving // 4, f"only {stopped} were stopped: it went out too fast to show anything"
    assert stage.value(f"SELECT count(*) FROM deliveries WHERE mailing_id = {news} AND state = 'sent'") == (
        size - stopped
    )
    assert system.counts(receipt) == {states.SENT: size}, "transactional mail still goes"


def _mail(stage: Stage, content: Content, people: list[str]) -> int:
    submission = Submission(content, [Recipient(address) for address in people])
    mailing_id = accept(stage.system.database, stage.system.queue, submission).mailing_id
    stage.mailings.append(mailing_id)
    stage.accepted += len(people)
    return mailing_id


def _link(message: str) -> str:
    found = re.search(r"^List-Unsubscribe: <([^>]+)>", message, re.MULTILINE)
    assert found and "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click" in message.replace("\r", "")
    return urlsplit(found[1]).path


def _one_click(port: int, path: str) -> int:
    """When it was answered, in milliseconds."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, "List-Unsubscribe=One-Click", kind)
    status = connection.getresponse().status
    connection.close()
    assert status == 200, status
    return round(time.time() * 1000)
