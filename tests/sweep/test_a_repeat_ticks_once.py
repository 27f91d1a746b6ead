"""Ticks of repeats: one mailing each, whoever dies, comes late, or comes twice; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.content.schedule.sending_hours import sending_hours
from mailroom.database.clock import from_millis, now
from mailroom.database.engine import Database
from mailroom.engine.accept import thresholds
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import RepeatTick, StillUnderWay, Submission, TickMade, TickNotDue
from mailroom.engine.repeats import kept_submission, planning, ticking
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.mailings import contents, lifecycle, mailings, staging
from mailroom.ledger.repeats import repeats, ticks
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.ledger.schema import deliveries, repeat_drafts
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.schema import repeats as repeats_table
from mailroom.ledger.states import RepeatState
from mailroom.queue import Queue
from tests.servers import Valkey
from tests.web import watching

CONTENT = Content(
    Address("post@mailroom.example", "Mailroom"),
    "Hello {{ name }}",
    text="Hello",
    headers=(("X-Kind", "news"),),
    reply_to=(Address("answers@mailroom.example"),),
    attachments=(Attachment("a.bin", "application/octet-stream", bytes(range(256)) * 9, "pic"),),
)


@pytest.fixture
def queue(valkey: Valkey) -> Iterator[Queue]:
    queue = Queue(valkey.url)
    yield queue
    queue.close()


def submission(count: int = 3) -> Submission:
    people = [Recipient(f"p{n}@mail.example", f"P {n}", {"town": "Oslo", "points": n}) for n in range(count)]
    return Submission(CONTENT, people, ["town", "points"], tags=[("a", "b")], if_unknown="hold", undo=3)


def kept(database: Database, rule: str = "daily 09:00", count: int = 3, **plan: object) -> Repeat:
    uid = planning.keep(database, submission(count), RepeatPlan(repeat_rule(rule), "UTC", **plan))  # type: ignore[arg-type]
    return found(database, uid)


def found(database: Database, uid: str) -> Repeat:
    with database.read() as connection:
        repeat = repeats.find(connection, uid)
    assert repeat is not None
    return repeat


def clock(database: Database) -> datetime:
    with database.read() as connection:
        return from_millis(now(connection))


def due_since(database: Database, repeat: Repeat, at: datetime) -> Repeat:
    with database.begin() as connection:
        connection.execute(update(repeats_table).where(repeats_table.c.id == repeat.id).values(next_at=at))
    return found(database, repeat.uid)


def told(database: Database, repeat: Repeat) -> list[ticks.TickOutcome]:
    with database.read() as connection:
        return list(ticks.of_repeat(connection, repeat.id, limit=1000))


def made(database: Database) -> int:
    with database.read() as connection:
        return len(mailings.page(connection, limit=100))


def test_a_tick_makes_a_mailing_of_all_that_was_kept_and_goes_on_to_the_next(
    database: Database, queue: Queue
) -> None:
    hours = sending_hours("daily 0-24 UTC")
    repeat = kept(database, hours=hours)
    at = clock(database) - timedelta(seconds=5)
    repeat = due_since(database, repeat, at)
    assert ticking.tick_all(database, queue) == 1
    assert ticking.tick_all(database, queue) == 0
    tick = told(database, repeat)[0]
    assert (tick.at, tick.by_hand, tick.total) == (
        at.replace(microsecond=at.microsecond // 1000 * 1000),
        False,
        3,
    )
    assert tick.mailing_id is not None
    with database.read() as connection:
        mailing = mailings.get(connection, tick.mailing_id)
        content = contents.of(connection, tick.mailing_id)
        files = watching.files_of(connection, tick.mailing_id)
        people = connection.execute(
            select(deliveries.c.address, deliveries.c.name, deliveries.c.variables)
        ).all()
    assert mailing is not None and content is not None
    assert (mailing.if_unknown, mailing.hours, mailing.subject) == ("hold", str(hours), "Hello {{ name }}")
    assert list(content.headers) == [("X-Kind", "news")] and list(content.tags) == [("a", "b")]
    assert [(file.filename, file.content_id, file.data) for file in files] == [
        ("a.bin", "pic", bytes(range(256)) * 9)
    ]
    assert people[1] == ("p1@mail.example", "P 1", {"town": "Oslo", "points": 1})
    after = found(database, repeat.uid)
    assert after.next_at is not None and after.next_at > clock(database)
    assert (after.next_at.hour, after.next_at.minute) == (9, 0)


@pytest.mark.parametrize("count", [3, 300])
def test_a_death_between_the_mailing_and_the_next_tick_repeats_nothing(
    database: Database, queue: Queue, count: int
) -> None:
    repeat = due_since(database, kept(database, count=count), clock(database) - timedelta(seconds=5))
    assert repeat.next_at is not None
    with database.read() as connection:
        data = repeats.submission_of(connection, repeat.id)
    tick = RepeatTick(repeat.id, repeat.next_at)
    accept(database, queue, planning.submission_for(data, repeat, tick, None))
    with pytest.raises(TickMade):
        accept(database, queue, planning.submission_for(data, repeat, tick, None))
    ticking.tick_all(database, queue)
    after = found(database, repeat.uid)
    assert made(database) == 1 and after.next_at is not None and after.next_at > repeat.next_at


def test_a_death_in_the_middle_of_a_large_acceptance_is_taken_over(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "STAGED_AT_ONCE", 50)
    repeat = due_since(database, kept(database, count=200), clock(database) - timedelta(seconds=5))

    class Death(BaseException):
        """Like kill -9: nothing is tidied up."""

    def die(*_: object, **__: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "activate", die)
        with pytest.raises(Death):
            ticking.tick_all(database, queue)
    assert told(database, repeat) == [], "it is promised to nobody yet"
    ticking.tick_all(database, queue)  # the dead one's lease has not run out: nobody knows that it is dead
    assert made(database) == 0 and found(database, repeat.uid).next_at == repeat.next_at
    with database.begin() as connection:
        connection.execute(update(mailings_table).values(staged_until=1))
    ticking.tick_all(database, queue)
    assert [tick.total for tick in told(database, repeat)] == [200]
    assert made(database) == 1
    with database.read() as connection:
        given_up = staging.abandoned(connection)
    assert given_up is not None
    with database.begin() as connection:
        assert staging.drop(connection, given_up)
    assert [tick.total for tick in told(database, repeat)] == [200], "what is cleared away is not its tick"


def test_of_missed_ticks_the_newest_is_made_and_the_others_are_told(database: Database, queue: Queue) -> None:
    repeat = kept(database, "cron 0 * * * *")
    at = clock(database) - timedelta(hours=5)
    repeat = due_since(database, repeat, at.replace(minute=0, second=0, microsecond=0))
    ticking.tick_all(database, queue)
    newest, *others = told(database, repeat)
    assert newest.mailing_id is not None and made(database) == 1
    assert [tick.why for tick in others] == [ticking.TICK_LEFT_OUT] * 5
    assert newest.at > clock(database) - timedelta(hours=1)


def test_what_is_later_than_the_grace_is_missed(database: Database, queue: Queue) -> None:
    repeat = kept(database, "monthly 1 09:00")
    repeat = due_since(database, repeat, clock(database) - ticking.GRACE - timedelta(minutes=1))
    ticking.tick_all(database, queue)
    assert [(tick.mailing_id, tick.why) for tick in told(database, repeat)] == [(None, ticking.TICK_MISSED)]
    assert made(database) == 0 and found(database, repeat.uid).state is RepeatState.ACTIVE


def test_a_year_of_minutes_is_over_at_once(database: Database, queue: Queue) -> None:
    repeat = due_since(database, kept(database, "cron * * * * *"), clock(database) - timedelta(days=365))
    ticking.tick_all(database, queue)
    assert made(database) == 1
    assert len(told(database, repeat)) == ticking.MISSED_TOLD + 1


def test_it_ends_after_so_many_times_and_at_its_end(database: Database, queue: Queue) -> None:
    twice = kept(database, times=2)
    for state in (RepeatState.ACTIVE, RepeatState.ENDED):
        due_since(database, twice, clock(database))
        ticking.tick_all(database, queue)
        assert found(database, twice.uid).state is state
    until = kept(database, ends_at=clock(database) + timedelta(days=2))
    due_since(database, until, clock(database) - timedelta(seconds=1))
    ticking.tick_all(database, queue)
    upcoming = planning.upcoming(found(database, until.uid), 10)
    assert 1 <= len(upcoming) <= 2
    last = due_since(database, until, clock(database))
    with database.begin() as connection:
        connection.execute(
            update(repeats_table).where(repeats_table.c.id == last.id).values(ends_at=last.next_at)
        )
    ticking.tick_all(database, queue)
    assert found(database, until.uid).state is RepeatState.ENDED
    ended = RepeatPlan(repeat_rule("daily 9:00"), "UTC", ends_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="no tick of that rule"):
        planning.keep(database, submission(), ended)


def test_a_person_pauses_resumes_cancels_and_sends_now(database: Database, queue: Queue) -> None:
    repeat = due_since(database, kept(database), clock(database) - timedelta(seconds=1))
    with database.begin() as connection:
        assert repeats.pause(connection, repeat)
        assert not repeats.pause(connection, repeat)
    assert ticking.tick_all(database, queue) == 0
    with pytest.raises(TickNotDue):
        with database.read() as connection:
            data = repeats.submission_of(connection, repeat.id)
        assert repeat.next_at is not None
        accept(
            database,
            queue,
            planning.submission_for(data, repeat, RepeatTick(repeat.id, repeat.next_at), None),
        )
    at = clock(database)
    planning.send_now(database, queue, repeat, at)
    with pytest.raises(TickMade):
        planning.send_now(database, queue, repeat, at)
    assert [tick.by_hand for tick in told(database, repeat)] == [True]
    with database.begin() as connection:
        assert planning.resume(connection, found(database, repeat.uid))
    resumed = found(database, repeat.uid)
    assert resumed.next_at is not None and resumed.next_at > clock(database), (
        "what was paused is not made up for"
    )
    with database.begin() as connection:
        changed = RepeatPlan(repeat_rule("monthly last 8:00"), "Asia/Tokyo", times=3)
        assert planning.change(connection, resumed, changed)
    assert found(database, repeat.uid).zone == "Asia/Tokyo"
    with database.begin() as connection:
        assert repeats.cancel(connection, resumed)
        assert not planning.resume(connection, resumed)
        assert not planning.change(connection, resumed, changed)
    with pytest.raises(TickNotDue):
        planning.send_now(database, queue, resumed)
    assert made(database) == 1


def test_two_at_once_make_one(database: Database, queue: Queue) -> None:
    """Of two clocks that saw the same tick, as two sweepers may."""
    repeat = due_since(database, kept(database), clock(database) - timedelta(seconds=1))
    ticking._tick(database, queue, repeat, clock(database))
    ticking._tick(database, queue, repeat, clock(database))
    assert made(database) == 1 and len(told(database, repeat)) == 1


def test_one_that_cannot_be_made_pauses_and_keeps_no_other_from_its_tick(
    database: Database, queue: Queue
) -> None:
    broken, whole = kept(database), kept(database)
    for one in (broken, whole):
        due_since(database, one, clock(database) - timedelta(seconds=1))
    with database.begin() as connection:
        is_broken = repeat_drafts.c.repeat_id == broken.id
        connection.execute(update(repeat_drafts).where(is_broken).values(draft=b"none"))
    ticking.tick_all(database, queue)
    after = found(database, broken.uid)
    assert after.state is RepeatState.PAUSED and "the worker's log says more" in (after.paused_for or "")
    assert made(database) == 1 and found(database, whole.uid).state is RepeatState.ACTIVE


def test_files_of_a_repeat_are_small() -> None:
    large = Attachment("a.bin", "application/octet-stream", bytes(kept_submission.MOST_KEPT_FILES + 1))
    with pytest.raises(kept_submission.TooLargeToKeep, match="10 MB together"):
        kept_submission.kept(Submission(Content(Address("a@b.example"), "S", attachments=(large,)), []))


def test_a_repeat_goes_to_as_many_as_a_tick_has_room_for() -> None:
    many = [Recipient("a@b.example")] * (kept_submission.MOST_KEPT_RECIPIENTS + 1)
    with pytest.raises(kept_submission.TooLargeToKeep, match="200,000 recipients at the most"):
        kept_submission.kept(Submission(CONTENT, many))


def test_nobody_waits_while_a_draft_is_made_ready_to_be_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_ready = kept_submission.kept

    def beside_another_writer(letter: Submission) -> bytes:
        with database.begin() as connection:
            connection.execute(update(repeats_table).values(times=1))
        return made_ready(letter)

    monkeypatch.setattr(kept_submission, "kept", beside_another_writer)
    assert kept(database).state is RepeatState.ACTIVE


def test_somebody_else_is_making_it(database: Database, queue: Queue) -> None:
    repeat = due_since(database, kept(database), clock(database) - timedelta(seconds=1))
    assert repeat.next_at is not None
    with database.begin() as connection:
        mailing_id = connection.execute(
            mailings_table.insert()
            .values(
                uid="x",
                kind="individual",
                state="staged",
                queue="bulk",
                sender_address="a@b.example",
                subject="",
                created_at=repeat.next_at,
                expires_at=repeat.next_at,
                staged_until=now(connection) + 60_000,
            )
            .returning(mailings_table.c.id)
        ).scalar_one()
        ticks.take(connection, repeat.id, repeat.next_at, mailing_id, by_hand=False)
        data = repeats.submission_of(connection, repeat.id)
    with pytest.raises(StillUnderWay):
        accept(
            database,
            queue,
            planning.submission_for(data, repeat, RepeatTick(repeat.id, repeat.next_at), None),
        )
    ticking.tick_all(database, queue)
    assert found(database, repeat.uid).next_at == repeat.next_at
