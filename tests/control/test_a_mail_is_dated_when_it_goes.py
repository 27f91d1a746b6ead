"""Date: when a mail is first about to be handed over, however long it waited, and the same on a resend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime

from sqlalchemy import update

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.sink.record import RecordedMessage
from tests.control.conftest import Start, on_both
from tests.system import SENDER, System


def date_of(message: RecordedMessage) -> datetime:
    return parsedate_to_datetime(message_from_bytes(message.raw)["Date"])


def is_now(message: RecordedMessage) -> bool:
    return abs(date_of(message).timestamp() - message.time) < 5


def age(system: System, mailing_id: int) -> None:
    """Makes the mailing three days older."""
    with system.database.begin() as connection:
        then = datetime.now(UTC) - timedelta(days=3)
        row = mailings_table.c.id == mailing_id
        connection.execute(update(mailings_table).where(row).values(created_at=then, started_at=then))


@on_both
def test_what_waited_is_dated_when_it_goes_and_again_so_on_a_resend(start: Start) -> None:
    system = start(
        "rcpt twice: drop after-record", "rcpt later: greylist 1", MAILROOM_BACKOFF="1s", sink=("--keep",)
    )
    accepted = system.accept([f"{name}@mail.example" for name in ("plain", "twice", "later")])
    with system.database.begin() as connection:
        assert lifecycle.pause(connection, accepted.mailing_id)
    age(system, accepted.mailing_id)
    system.start_workers(1, lease=3)
    with system.database.begin() as connection:
        assert lifecycle.resume(connection, accepted.mailing_id)
    system.wait(lambda: system.sink.count() >= 4, 30)
    found = system.sink.messages()
    first, second = [message for message in found if message.recipient.startswith("twice")]
    assert second.time - first.time > 1.5, "its date would be another one"
    assert date_of(first) == date_of(second) and first.message_id == second.message_id
    assert all(is_now(message) for message in found if message is not second)


@on_both
def test_one_message_to_several_has_one_date(start: Start) -> None:
    system = start("rcpt later: greylist 1", MAILROOM_BACKOFF="2s", sink=("--keep",))
    people = [Address(f"{name}@mail.example") for name in ("now", "later")]
    content = Content(SENDER, "Hello", text="Hello.", kind="shared", to=tuple(people))
    recipients = [Recipient(person.address) for person in people]
    accepted = accept(system.database, system.queue, Submission(content, recipients))
    age(system, accepted.mailing_id)
    system.start_workers(1, lease=3)
    system.wait(lambda: system.sink.count() >= 2, 30)
    first, second = sorted(system.sink.messages(), key=lambda message: message.time)
    assert is_now(first) and second.time - first.time > 1
    assert first.raw == second.raw
    with system.database.read() as connection:
        dates = connection.execute(deliveries.select()).all()
    assert len({row.dated_at for row in dates}) == 1
