"""A batch of single mails holds a hundred mailings: what they say is asked for once, not for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import read_original
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.engine.accept.thresholds import SHARES_A_BATCH_AT_MOST
from mailroom.engine.send.messages import COMPILED_KEPT, CompiledMessages
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.schema import deliveries
from mailroom.queue import Queue
from tests.ledger.book import NO_QUEUE

SENDER = Address("post@mailroom.example", "Mailroom")
ANN, BEN, CLEO = (Address(f"{name.lower()}@mail.example", name) for name in ("Ann", "Ben", "Cleo"))
WHOLE = b"From: post@mailroom.example\r\nTo: ann@mail.example\r\nSubject: Whole\r\n\r\nAs it came.\r\n"


def single(number: int) -> Content:
    return Content(SENDER, f"Letter {number}", text=f"Number {number}.", kind="shared", to=(ANN,))


def whole() -> Submission:
    original = read_original(
        WHOLE,
        envelope_sender="bounces@mailroom.example",
        uid="1",
        date=datetime.now(UTC),
        trace="from a test",
    )
    return Submission(original.content, [Recipient(ANN.address)], original=original)


def accepted(database: Database, submissions: Iterable[Content | Submission]) -> list[int]:
    queue = Queue(NO_QUEUE)
    return [
        accept(database, queue, given if isinstance(given, Submission) else _to_all(given)).mailing_id
        for given in submissions
    ]


def _to_all(content: Content) -> Submission:
    people = [*[(a, "to") for a in content.to or (ANN,)], *[(a, "cc") for a in content.cc], (CLEO, "bcc")]
    if content.is_personal:
        people = people[:1]
    return Submission(content, [Recipient(person.address, person.name, role=role) for person, role in people])


def rendered(database: Database, mailing_ids: list[int]) -> list[bytes]:
    found = CompiledMessages(LinkPlace("https://news.example.org")).of(database, set(mailing_ids))
    ann = WaitingDelivery(1, 0, ANN.address, ANN.name, None, 0)
    return [found[mailing_id].render(ann) for mailing_id in mailing_ids]


def test_each_says_its_own(database: Database) -> None:
    file = Attachment("menu.txt", "text/plain", b"Soup")
    personal = Content(SENDER, "Hello {{ name }}", text="For you.", attachments=(file,))
    answered = replace(single(1), to=(BEN, ANN), cc=(CLEO,), reply_to=(BEN,), headers=(("X-Shop", "7"),))
    singles = [single(number) for number in range(2, 2 * COMPILED_KEPT)]
    ids = accepted(database, [personal, answered, whole(), *singles])
    hello, answer, as_it_came, *others = rendered(database, ids)

    assert b"Subject: Hello Ann\r\n" in hello
    assert b'filename="menu.txt"' in hello
    assert b"To: Ben <ben@mail.example>, Ann <ann@mail.example>\r\nCc: Cleo <cleo@mail.example>\r\n" in answer
    assert b"Reply-To: Ben <ben@mail.example>\r\n" in answer
    assert b"X-Shop: 7\r\n" in answer
    assert as_it_came.endswith(b"Subject: Whole\r\n\r\nAs it came.\r\n")
    for number, other in enumerate(others, 2):
        assert b"To: Ann <ann@mail.example>\r\n" in other
        assert f"Subject: Letter {number}\r\n".encode() in other
        assert f"Number {number}.".encode() in other
        assert b"menu.txt" not in other
        assert b"cleo" not in other, "Bcc never shows"


def test_it_is_one_question_per_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    statements: list[str] = []

    @event.listens_for(database.engine, "connect")
    def listen(connection: Any, _: Any) -> None:  # to SQLite itself: not all is run by SQLAlchemy
        connection.set_trace_callback(statements.append)

    ids = accepted(database, [*(single(number) for number in range(40)), whole(), whole()])
    statements.clear()
    rendered(database, ids[:1])
    asked = [sql for sql in statements if sql.startswith("SELECT")]
    assert len(asked) == 2, "what it says, and whom it shows"

    statements.clear()
    rendered(database, ids)
    asked = [sql for sql in statements if sql.startswith("SELECT")]
    assert len(asked) == 3, "and the whole messages"
    with database.read() as connection:
        cursor = connection.connection.cursor()
        steps = [row[3] for sql in asked for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert [step for step in steps if step.startswith("SCAN") and not step.startswith("SCAN json_each")] == []
    database.dispose()


def test_large_ones_are_not_kept_for_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of whom many hold each some megabytes would never shrink again."""
    database, messages = Database(sqlite_url), CompiledMessages(LinkPlace("https://news.example.org"))
    monkeypatch.setattr("mailroom.engine.send.messages.COMPILED_OCTETS_KEPT", 25_000)
    large = [replace(single(number), text="x" * 10_000) for number in range(5)]
    ids = accepted(database, large)
    for mailing_id in ids:
        assert set(messages.of(database, {mailing_id})) == {mailing_id}
    assert list(messages._kept) == ids[-2:]
    assert set(messages.of(database, set(ids))) == set(ids), "who is in a batch has all of it"
    database.dispose()


def test_a_long_letter_shares_no_batch(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    long = "x" * (SHARES_A_BATCH_AT_MOST + 1)
    accepted(database, [single(1), *(replace(single(number), text=long) for number in (2, 3))])
    with database.read() as connection:
        held = connection.execute(select(deliveries.c.batch_id).order_by(deliveries.c.id)).scalars().all()
    assert len(held) == 6 and len(set(held)) == 3
    database.dispose()
