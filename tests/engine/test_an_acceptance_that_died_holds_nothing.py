"""A large mailing is staged under a lease: who died holds a key for seconds, who was slow is fenced off."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds, write
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Idempotency, Overtaken, StillUnderWay, Submission
from mailroom.engine.sweeper import Sweeper
from mailroom.ledger import schema
from mailroom.ledger.mailings import insertion, mailings, staging
from mailroom.ledger.schema import deliveries
from mailroom.queue import Queue

PEOPLE = 35
PARTS = "insert_deliveries"


class Died(BaseException):
    """Nothing of ours runs any more, as after kill -9."""


@pytest.fixture(autouse=True)
def _in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 10)


def submission(what: str = "the same", key: str = "once") -> Submission:
    content = Content(Address("post@mailroom.example"), "Hello", text=what)
    recipients = [Recipient(f"p{number}@mail.example") for number in range(PEOPLE)]
    return Submission(content, recipients, idempotency=Idempotency("form:1", key, f"{hash(what):064}"[-64:]))


def before_call(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, number: int, happens: Callable[[], None]
) -> None:
    """Before the function is called for the `number`th time, once."""
    real, calls = getattr(module, name), []

    def watched(*given: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == number:
            happens()
        return real(*given, **named)

    monkeypatch.setattr(module, name, watched)


def die() -> None:
    raise Died


def lapse(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET staged_until = staged_until - 20000")


def sweep(database: Database, queue: Queue) -> None:
    sweeper = Sweeper(database, queue, "ann")
    sweeper.round()  # the first one only makes its row
    with database.begin() as connection:
        connection.execute(update(schema.sweeper).values(swept_at=now_millis() - 1_500))
    assert sweeper.round()


def what_there_is(database: Database) -> tuple[list[int], int]:
    """The mailings that people see, and the deliveries of all there are."""
    with database.read() as connection:
        number = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
        return [mailing.id for mailing in mailings.page(connection)], number


def die_while_it_is_staged(database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """An acceptance whose process is gone after its second part."""
    with monkeypatch.context() as fault:
        before_call(fault, insertion, PARTS, 3, die)
        with pytest.raises(Died):
            accept(database, queue, submission())


@pytest.mark.parametrize(
    "module, name, number", [(insertion, PARTS, 1), (insertion, PARTS, 3), (write, "_activate", 1)]
)
def test_who_retries_takes_over_once_the_lease_is_over(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, number: int
) -> None:
    with monkeypatch.context() as fault:
        before_call(fault, module, name, number, die)
        with pytest.raises(Died):
            accept(database, queue, submission())
    with pytest.raises(StillUnderWay):
        accept(database, queue, submission())
    lapse(database)
    accepted = accept(database, queue, submission())
    assert not accepted.replayed
    sweep(database, queue)
    assert what_there_is(database) == ([accepted.mailing_id], PEOPLE), "what the dead one staged is swept"
    assert accept(database, queue, submission()).mailing_id == accepted.mailing_id


def test_a_form_that_was_corrected_meanwhile_takes_over_too(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_while_it_is_staged(database, queue, monkeypatch)
    lapse(database)
    accepted = accept(database, queue, submission("corrected"))
    sweep(database, queue)
    assert what_there_is(database) == ([accepted.mailing_id], PEOPLE)


def test_the_sweeper_frees_a_key_as_well(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_while_it_is_staged(database, queue, monkeypatch)
    lapse(database)
    sweep(database, queue)
    assert what_there_is(database) == ([], 0)
    assert not accept(database, queue, submission()).replayed


@pytest.mark.parametrize("who", ["a retry", "the sweeper"])
@pytest.mark.parametrize("before_part", [1, 3, 5])
def test_one_that_stood_still_finds_out_and_adds_nothing(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch, before_part: int, who: str
) -> None:
    taken: list[int] = []

    def overtaken() -> None:
        lapse(database)
        if who == "a retry":
            taken.append(accept(database, queue, submission()).mailing_id)
        else:
            sweep(database, queue)

    real, parts = write._add_in_parts, list[int]()

    def add_in_parts(*given: Any) -> int:
        suppressed = real(*given)
        if before_part > len(parts):  # the last commit
            overtaken()
        return suppressed

    def add_some(database: Database, rows: Any) -> int:
        parts.append(1)
        if len(parts) == before_part and not taken:
            overtaken()
        return add(database, rows)

    add = write._add_some
    monkeypatch.setattr(write, "_add_some", add_some)
    monkeypatch.setattr(write, "_add_in_parts", add_in_parts)
    with pytest.raises(Overtaken):
        accept(database, queue, submission())
    sweep(database, queue)
    assert what_there_is(database) == (taken, PEOPLE * len(taken))


def test_one_that_takes_longer_than_a_lease_renews_it(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def most_of_the_lease() -> None:
        with database.begin() as connection:
            left = staging.STAGING_LEASE_MS - 500
            connection.exec_driver_sql(f"UPDATE mailings SET staged_until = staged_until - {left}")

    for number in (1, 2, 3, 4):
        before_call(monkeypatch, write, "_add_some", number, most_of_the_lease)
    accepted = accept(database, queue, submission())
    assert what_there_is(database) == ([accepted.mailing_id], PEOPLE)


def test_of_twenty_retries_one_takes_over(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_while_it_is_staged(database, queue, monkeypatch)
    lapse(database)

    def submit(_: int) -> int | None:
        try:
            return accept(database, queue, submission()).mailing_id
        except StillUnderWay:
            return None

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(submit, range(20))) - {None}
    assert len(answers) == 1
    sweep(database, queue)
    assert what_there_is(database) == (list(answers), PEOPLE)


def test_what_an_older_mailroom_stages_is_left_alone_for_an_hour(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        before_call(fault, insertion, PARTS, 3, die)
        with pytest.raises(Died):
            accept(database, queue, submission())
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET staged_until = NULL")
    sweep(database, queue)
    assert what_there_is(database) == ([], 20)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE mailings SET created_at = created_at - 7200000")
    sweep(database, queue)
    assert what_there_is(database) == ([], 0)
