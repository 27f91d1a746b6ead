"""All mail, one sender's bulk mail, one list of it: at acceptance and at the mark, the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.deliveries import marks
from tests.ledger.book import CONTENT, Book

BULK = replace(CONTENT, sender=Address("News@Acme.example"), purpose="bulk")
DIGEST, OFFERS = replace(BULK, list_name="digest"), replace(BULK, list_name="offers")
OTHERS = replace(BULK, sender=Address("post@acme.example"))
RECEIPT = replace(BULK, purpose="transactional")
SENDER = "news@acme.example"

CASES: list[tuple[Scope, dict[str, bool]]] = [
    (Scope(), {"bulk": True, "digest": True, "offers": True, "others": True, "receipt": True}),
    (Scope(SENDER), {"bulk": True, "digest": True, "offers": True, "others": False, "receipt": False}),
    (
        Scope(SENDER, "digest"),
        {"bulk": False, "digest": True, "offers": False, "others": False, "receipt": False},
    ),
]
MAILINGS = {"bulk": BULK, "digest": DIGEST, "offers": OFFERS, "others": OTHERS, "receipt": RECEIPT}


def accepted(book: Book, content: Content, people: int = 1) -> int:
    recipients = [Recipient(f"p{number}@mail.example") for number in range(people)]
    return accept(book.database, book.queue, Submission(content, recipients)).mailing_id


@pytest.mark.parametrize(("scope", "stops"), CASES, ids=lambda case: getattr(case, "word", ""))
@pytest.mark.parametrize("people", [1, 101], ids=["in one batch", "staged"])
def test_at_acceptance(book: Book, scope: Scope, stops: dict[str, bool], people: int) -> None:
    with book.database.begin() as connection:
        suppressions.add(connection, ["p0@mail.example"], scope=scope)
    for name, content in MAILINGS.items():
        found = book.states(accepted(book, content, people))
        assert (found.get("suppressed", 0) == 1) is stops[name], name


@pytest.mark.parametrize(("scope", "stops"), CASES, ids=lambda case: getattr(case, "word", ""))
def test_at_the_mark_of_a_batch_that_is_under_way(book: Book, scope: Scope, stops: dict[str, bool]) -> None:
    for name, content in MAILINGS.items():
        accepted(book, content)
        lease = book.claim()
        (delivery_id,) = book.inside(lease)
        with book.database.begin() as connection:
            suppressions.add(connection, ["p0@mail.example"], scope=scope)
        assert book.mark(lease, delivery_id) == ("suppressed" if stops[name] else ""), name
        with book.database.begin() as connection:
            assert suppressions.remove(connection, "p0@mail.example", scope)
        book.close(lease)


def test_one_address_has_several_and_each_is_taken_off_alone(book: Book) -> None:
    scopes = [scope for scope, _ in CASES]
    with book.database.begin() as connection:
        for scope in scopes:
            assert suppressions.add(connection, ["a@mail.example"], scope=scope) == 1
            assert suppressions.add(connection, ["a@mail.example"], scope=scope) == 0
        suppressions.add(connection, ["b@mail.example"], note="Asked by phone")
        pages: list[Scope] = []
        after = None
        while True:
            (found,), after = suppressions.search(connection, "a@", after, limit=1)
            pages.append(found.scope)
            if after is None:
                break
        assert pages == scopes, "none is passed over where a page ends"
        assert suppressions.search(connection, "phone").found[0].address_key == "b@mail.example"
        assert suppressions.remove(connection, "a@mail.example", scopes[1])
        assert not suppressions.remove(connection, "a@mail.example", scopes[1])
        assert suppressions.count(connection) == 3
        assert suppressions.remove(connection, "a@mail.example")
        assert suppressions.count(connection) == 1


def test_the_mark_looks_into_one_index(database: Database) -> None:
    """Of a million suppressions it reads those of one address."""
    if not database.is_sqlite:
        sql = str(marks.NOTE_SENT_AND_MARK.on(database.engine.dialect).sql)
        assert sql.count("suppressions.address_key = deliveries.address_key") == 1
        return
    sql = marks.MARK_ONE.on(database.engine.dialect).sql
    with database.read() as connection:
        rows = connection.execute(text("EXPLAIN QUERY PLAN " + sql.replace("?", "1"))).all()
    plan = [row[3] for row in rows]
    assert [step for step in plan if "suppressions" in step] == [
        "SEARCH suppressions USING COVERING INDEX sqlite_autoindex_suppressions_1 (address_key=?)"
    ], plan
