"""A job can leave for Redis without anybody waiting, whatever Redis does; its answers are read later."""

from __future__ import annotations

import time

import pytest

from mailroom.queue import BULK, Queue, QueueDown
from mailroom.queue.connection import REDIS_REPLY_TIMEOUT
from tests.servers import Valkey

ONE, OTHER = [(1, 0, 100, BULK)], [(2, 0, 1, BULK)]
AT_ONCE = REDIS_REPLY_TIMEOUT / 2
"""Seconds. Whoever waits for a Redis that hangs waits for all of it."""


@pytest.fixture
def ready(own_valkey: Valkey) -> Queue:
    queue = Queue(own_valkey.url)
    queue.get_ready()
    return queue


def ids(valkey: Valkey) -> list[object]:
    return [*valkey.client.lrange("rq:queue:bulk", 0, -1)]


def test_it_arrives_as_any_other(ready: Queue, own_valkey: Valkey) -> None:
    early = ready.enqueue_early(ONE)
    assert early is not None
    ready.has_arrived(early)
    theirs = own_valkey.client.hgetall("rq:job:deliver-1-0")
    ready.enqueue(ONE)
    ours = own_valkey.client.hgetall("rq:job:deliver-1-0")
    assert set(theirs) == set(ours) and theirs[b"data"] == ours[b"data"]
    assert ids(own_valkey) == [b"deliver-1-0"] * 2


def test_each_that_is_under_way_has_a_connection_of_its_own(ready: Queue, own_valkey: Valkey) -> None:
    first = ready.enqueue_early(ONE)
    assert ready.enqueue_early(OTHER) is None, "there is one"
    ready.get_ready()
    second = ready.enqueue_early(OTHER)
    assert first is not None and second is not None
    ready.has_arrived(second)
    ready.has_arrived(first)
    assert {*ids(own_valkey)} == {b"deliver-1-0", b"deliver-2-0"}
    assert ready.enqueue_early(ONE) is not None and ready.enqueue_early(ONE) is not None


def test_nobody_connects_for_it(own_valkey: Valkey) -> None:
    queue = Queue(own_valkey.url)
    assert queue.ping()
    assert queue.enqueue_early(ONE) is None
    assert ids(own_valkey) == []


def test_nothing_is_nothing_early(ready: Queue) -> None:
    assert ready.enqueue_early([]) is None


def test_what_is_forgotten_leaves_no_answer_to_the_next(ready: Queue, own_valkey: Valkey) -> None:
    early = ready.enqueue_early(ONE)
    assert early is not None
    early.forget()
    assert ready.enqueue_early(OTHER) is None
    ready.get_ready()
    early = ready.enqueue_early(OTHER)
    assert early is not None
    ready.has_arrived(early)
    assert ids(own_valkey)[-1:] == [b"deliver-2-0"]


def test_a_hung_redis_holds_nobody_who_sends_and_is_left_alone_then(ready: Queue, own_valkey: Valkey) -> None:
    own_valkey.pause()
    began = time.monotonic()
    early = ready.enqueue_early(ONE)
    assert time.monotonic() - began < AT_ONCE
    assert early is not None
    with pytest.raises(QueueDown, match="does not answer"):
        ready.has_arrived(early)
    assert ready.enqueue_early(ONE) is None
    with pytest.raises(QueueDown):
        ready.get_ready()
    own_valkey.go_on()


def test_a_hung_redis_whose_buffers_are_full_holds_nobody_either(ready: Queue, own_valkey: Valkey) -> None:
    own_valkey.pause()
    most = [(number, 0, 100, BULK) for number in range(100)]
    for _ in range(1_000):  # what a socket takes is tens of kilobytes to some megabytes
        began = time.monotonic()
        early = ready.enqueue_early(most)
        assert time.monotonic() - began < AT_ONCE
        if early is None:
            break
        ready._early.keep(early._connection)  # as if there were no end to it
    else:
        pytest.fail("a socket took all of it")
    own_valkey.go_on()
    ready.get_ready()
    own_valkey.client.delete("rq:queue:bulk")
    early = ready.enqueue_early(OTHER)
    assert early is not None
    ready.has_arrived(early)
    assert b"deliver-2-0" in ids(own_valkey)


def test_a_redis_that_went_away_meanwhile_is_told(ready: Queue, own_valkey: Valkey) -> None:
    own_valkey.stop()
    early = ready.enqueue_early(ONE)
    if early is not None:  # the socket took it
        with pytest.raises(QueueDown):
            ready.has_arrived(early)
    own_valkey.start()
    ready.get_ready()
    early = ready.enqueue_early(ONE)
    assert early is not None
    ready.has_arrived(early)


def test_a_full_redis_is_told(ready: Queue, own_valkey: Valkey) -> None:
    own_valkey.client.config_set("maxmemory", 1)
    early = ready.enqueue_early(ONE)
    assert early is not None
    with pytest.raises(QueueDown, match="full"):
        ready.has_arrived(early)
    own_valkey.client.config_set("maxmemory", 0)
    early = ready.enqueue_early(ONE)
    assert early is not None
    ready.has_arrived(early)


def test_a_connection_that_was_closed_in_its_pool_is_not_used(ready: Queue) -> None:
    ready.redis.connection_pool.disconnect()
    assert ready.enqueue_early(ONE) is None
