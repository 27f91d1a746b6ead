"""What comes back: reports about the mails of a ledger, given by hand as a way in gives them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from sqlalchemy import func, select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.links.return_tokens import ReturnKey, ReturnPurpose
from mailroom.database.engine import AnyRow, Database
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.taking import Taken, take
from mailroom.engine.key_ring import KeyRing
from mailroom.engine.letterhead import message_id_of
from mailroom.feedback.report import Report, ReportKind
from mailroom.ledger import suppressions
from mailroom.ledger.consent import link_keys
from mailroom.ledger.mailings import mailings
from mailroom.ledger.schema import reports
from mailroom.ledger.suppressions import Suppression
from tests.ledger.book import Book

GONE: dict[str, Any] = {
    "code": 550,
    "status": "5.1.1",
    "words": "550 5.1.1 User unknown",
    "reporter": "mx.mail.example",
}
FULL: dict[str, Any] = {
    "code": 552,
    "status": "5.2.2",
    "words": "552 5.2.2 Mailbox full",
    "reporter": "mx.mail.example",
}
SPAM: dict[str, Any] = {
    "code": 550,
    "status": "5.7.1",
    "words": "550 5.7.1 Looks like spam",
    "reporter": "mx.mail.example",
}

SHARED = Content(
    *(Address("post@mailroom.example"), "Hello", "Hello."),
    kind="shared",
    to=(Address("p0@mail.example"), Address("p1@mail.example")),
)

KEYS = (f"key {number}" for number in count())


class Comes:
    """`rules`: those that are taken by."""

    def __init__(self, database: Database) -> None:
        self.database, self.book, self.ring = database, Book(database), KeyRing(database)
        self.rules = FeedbackRules()

    def sent(self, to: int | Iterable[str] = 1, **options: Any) -> list[int]:
        """The ids of deliveries that the relay took, of a mailing that is done."""
        mailing_id = self.book.accept(to, **options)
        ids: list[int] = []
        while waiting := self.book.waiting() or self.book.gather(mailing_id):
            lease = self.book.claim(waiting[0])
            inside = self.book.inside(lease)
            self.book.send(lease, inside)
            assert self.book.close(lease)
            ids += inside
        return ids

    def report(self, delivery_id: int, kind: ReportKind = ReportKind.BOUNCED, **said: Any) -> Report:
        """With the token of its return path, unless it says another or none."""
        return Report(kind, **{"way": "pipe", "key": next(KEYS), "token": self.token(delivery_id), **said})

    def token(self, delivery_id: int, purpose: ReturnPurpose = ReturnPurpose.BOUNCE) -> str:
        with self.database.read() as connection:
            key = ReturnKey(*link_keys.newest(connection))
        return key.seal(purpose, delivery_id, self.book.delivery(delivery_id).address_key)

    def message_id(self, delivery_id: int) -> str:
        with self.database.read() as connection:
            mailing = mailings.get(connection, self.book.delivery(delivery_id).mailing_id)
        assert mailing is not None
        return message_id_of(mailing, delivery_id)

    def take(self, *given: Report) -> list[Taken]:
        return take(self.database, given, self.ring, self.rules)

    def state(self, delivery_id: int) -> str:
        return str(self.book.delivery(delivery_id).state)

    def kept(self) -> list[AnyRow]:
        with self.database.read() as connection:
            return list(connection.execute(select(reports).order_by(reports.c.id)))

    def number_kept(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(reports)).scalar_one())

    def listed(self) -> list[Suppression]:
        with self.database.read() as connection:
            return suppressions.page(connection)
