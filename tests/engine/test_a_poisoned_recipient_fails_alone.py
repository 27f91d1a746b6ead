"""What a template costs too much for is one delivery's failure, with its reason; all others go out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Table, delete, select, update

from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.original import read_original
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.ledger.mailings.contents import CONTENT_IS_DELETED
from mailroom.ledger.schema import attempts, contents, deliveries, originals
from mailroom.ledger.schema import mailings as mailings_table
from tests.system import SENDER, System

Start = Callable[..., System]

BOMB = "{% for i in (1..9999) %}{% assign n = 1 | plus: i | times: 2 | minus: 3 | plus: i %}{% endfor %}"
HIDDEN = "{% if plan == 'poison' %}" + BOMB + "{% endif %}Hello {{ name | upcase }}"


def send(system: System, text: str, people: list[tuple[str, str]]) -> Accepted:
    content = Content(SENDER, "Hello", text=text)
    recipients = [Recipient(address, "Ann", variables={"plan": plan}) for address, plan in people]
    return accept(system.database, system.queue, Submission(content, recipients, ["plan"]))


def reasons(system: System, mailing_id: int) -> dict[str, str]:
    statement = (
        select(deliveries.c.address, attempts.c.reply)
        .join(attempts, attempts.c.delivery_id == deliveries.c.id)
        .where(deliveries.c.mailing_id == mailing_id)
    )
    with system.database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}


@pytest.mark.parametrize("number", [20, 300], ids=["small", "large"])
def test_the_others_are_sent(start: Start, number: int) -> None:
    system = start()
    people = [(f"p{at}@mail.example", "poison" if at == 13 else "gold") for at in range(number)]
    mailing = send(system, HIDDEN, people)
    system.start_workers()
    system.wait_until_over(mailing.mailing_id, 60)
    assert system.counts(mailing.mailing_id) == {"sent": number - 1, "failed": 1}
    ((address, words),) = reasons(system, mailing.mailing_id).items()
    assert address == "p13@mail.example"
    assert "the text takes more work than one mail may. Shorten its loops" in words


def test_a_template_that_cannot_be_read_any_more_fails_with_its_reason(start: Start) -> None:
    """It was accepted by a version that read it. Who shares its batch is none the worse."""
    system = start()
    old = send(system, HIDDEN, [("old@mail.example", "gold")])
    other = send(system, "Hello", [("other@mail.example", "gold")])
    with system.database.begin() as connection:
        connection.execute(
            update(contents).where(contents.c.mailing_id == old.mailing_id).values(text="{% if %}")
        )
    system.start_workers()
    system.wait_until_over(old.mailing_id)
    system.wait_until_over(other.mailing_id)
    assert system.counts(old.mailing_id) == {"failed": 1}
    assert reasons(system, old.mailing_id)["old@mail.example"].startswith("The merge tags cannot be read: ")
    assert system.counts(other.mailing_id) == {"sent": 1}


def test_liquid_for_several_does_not_overtake(start: Start) -> None:
    """Each may be work for a while; a single mail, and plain tags, go first."""
    system = start()
    people = [(f"p{at}@mail.example", "gold") for at in range(20)]
    kinds = {
        send(system, HIDDEN, people).mailing_id: "bulk",
        send(system, HIDDEN, people[:1]).mailing_id: "urgent",
        send(system, "Hello {{ name }}", people).mailing_id: "urgent",
    }
    with system.database.read() as connection:
        found = connection.execute(select(mailings_table.c.id, mailings_table.c.queue))
        assert {row[0]: row[1] for row in found} == kinds


def test_a_single_mail_overtakes_renders_that_all_fail(start: Start) -> None:
    """They are many seconds of work in one batch, and nothing in it ever waits for a server."""
    system = start()
    bombs = send(system, HIDDEN, [(f"p{at}@mail.example", "poison") for at in range(200)])
    system.start_workers(1)
    system.wait(lambda: system.counted(bombs.mailing_id).get("failed", 0) > 5)
    single = send(system, "Hello", [("ann@mail.example", "gold")])
    system.wait_until_over(single.mailing_id)
    assert system.counted(bombs.mailing_id).get("failed", 0) < 100, "it waited for a whole batch"


@pytest.mark.parametrize("table", [contents, originals], ids=["a letter", "a whole message"])
def test_what_was_deleted_meanwhile_fails_with_its_reason(start: Start, table: Table) -> None:
    """Who shares its batch is sent, and nobody counts it as a worker's death."""
    system = start()
    gone = send(system, "Hello", [("gone@mail.example", "gold")]) if table is contents else hand_in(system)
    other = send(system, "Hello", [("other@mail.example", "gold")])
    with system.database.begin() as connection:
        connection.execute(delete(table).where(table.c.mailing_id == gone.mailing_id))
    with system.database.read() as connection:
        batches = connection.execute(select(deliveries.c.batch_id)).scalars().all()
    assert len(set(batches)) == 1
    system.start_workers()
    system.wait_until_over(gone.mailing_id)
    system.wait_until_over(other.mailing_id)
    assert system.counts(gone.mailing_id) == {"failed": 1}
    assert reasons(system, gone.mailing_id) == {"gone@mail.example": CONTENT_IS_DELETED}
    assert system.counts(other.mailing_id) == {"sent": 1}
    with system.database.read() as connection:
        assert set(connection.execute(select(deliveries.c.deaths)).scalars()) == {0}


def hand_in(system: System) -> Accepted:
    whole = b"From: post@mailroom.example\r\nTo: gone@mail.example\r\nSubject: Whole\r\n\r\nAs it came.\r\n"
    original = read_original(
        whole,
        envelope_sender="bounces@mailroom.example",
        uid="1",
        date=datetime.now(UTC),
        trace="from a test",
    )
    submission = Submission(original.content, [Recipient("gone@mail.example")], original=original)
    return accept(system.database, system.queue, submission)
