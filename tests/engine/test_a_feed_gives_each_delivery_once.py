"""The feed of a batch: what is left in it goes back, what was put back goes first."""

from __future__ import annotations

import asyncio
import time

import pytest

from mailroom.engine.send import feed as feed_module
from mailroom.engine.send.feed import Feed
from mailroom.engine.send.sendable import SendableMessage, UnreadableContent
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery


def delivery(id: int, mailing_id: int = 1) -> WaitingDelivery:
    return WaitingDelivery(id, mailing_id, f"p{id}@mail.example", "", None, 0)


class Slow(UnreadableContent):
    """Takes a breath's time to render."""

    def render(self, *_: object) -> bytes:
        time.sleep(feed_module.RENDERING_BREATH)
        return b"Hello\r\n"


MESSAGE = SendableMessage("post@mailroom.example", "mailroom.example", "uid", False, Slow(""))


@pytest.fixture
def feed() -> Feed:
    return Feed([delivery(1), delivery(2, 2), delivery(3)], {1: MESSAGE, 2: MESSAGE})


def ids(feed: Feed) -> list[int]:
    found = []
    while (row := feed.next()) is not None:
        found.append(row.id)
    return found


def test_it_gives_each_once_in_order(feed: Feed) -> None:
    assert (ids(feed), feed.has_more()) == ([1, 2, 3], False)


def test_what_is_put_back_goes_first(feed: Feed) -> None:
    first = feed.next()
    assert first is not None
    feed.put_back(first)
    assert ids(feed) == [1, 2, 3]


def test_a_mailing_that_was_stopped_is_left_out(feed: Feed) -> None:
    feed.leave_out(1)
    assert (feed.mailing_ids, ids(feed)) == ({2}, [2])


def test_a_closed_one_gives_no_more_and_keeps_what_it_has(feed: Feed) -> None:
    feed.close()
    assert (ids(feed), feed.has_more(), len(feed)) == ([], False, 3)


def test_nobody_looks_ahead_at_a_mail_that_lost_a_session(feed: Feed) -> None:
    first = feed.next()
    assert first is not None and feed.may_look_ahead()
    assert feed.lost_a_session(first) == 1
    assert feed.may_look_ahead(), "the next one has lost none"
    feed.put_back(first)
    assert not feed.may_look_ahead()
    assert feed.next() == first and feed.lost_a_session(first) == 2


def test_rendering_lets_everybody_else_have_a_turn(feed: Feed) -> None:
    first = feed.next()
    assert first is not None
    feed.render(first)
    assert feed.is_out_of_breath and feed.next() is None
    assert feed.has_more(), "it is no end: a session waits for the next turn"
    asyncio.run(feed.breathe())
    assert ids(feed) == [2, 3]
