from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mailroom.queue import BULK, Queue, QueueDown
from mailroom.queue.queue import REST_AFTER_TIMEOUT
from tests.servers import Valkey

ONE = [(1, 0, 100, BULK)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda queue: queue.enqueue(ONE),
        lambda queue: queue.missing([(1, 0)]),
        lambda queue: queue.waiting(BULK),
        lambda queue: queue.workers(),
        lambda queue: queue.forget_worker("ann"),
    ],
)
def test_every_question_says_so(own_valkey: Valkey, ask: Callable[[Queue], object]) -> None:
    queue = Queue(own_valkey.url)
    own_valkey.kill()
    with pytest.raises(QueueDown):
        ask(queue)
    assert not queue.ping()


@pytest.mark.parametrize("connected", [True, False])
def test_a_hung_redis_holds_a_caller_for_a_second_and_the_next_one_not_at_all(
    own_valkey: Valkey, connected: bool
) -> None:
    queue = Queue(own_valkey.url)
    assert not connected or queue.ping()
    own_valkey.pause()
    began = time.monotonic()
    with pytest.raises(QueueDown, match="does not answer"):
        queue.enqueue(ONE)
    first = time.monotonic() - began
    with pytest.raises(QueueDown, match="does not answer"):
        queue.enqueue(ONE)
    second = time.monotonic() - began - first
    own_valkey.go_on()
    assert first < 2.0
    assert second < 0.1
    time.sleep(REST_AFTER_TIMEOUT)
    assert queue.enqueue(ONE)


def test_a_full_redis_takes_nothing_and_says_so(own_valkey: Valkey) -> None:
    queue = Queue(own_valkey.url)
    own_valkey.client.config_set("maxmemory", 1)
    with pytest.raises(QueueDown, match="full"):
        queue.enqueue(ONE)
    own_valkey.client.config_set("maxmemory", 0)
    assert not own_valkey.client.keys("rq:*")
    assert queue.enqueue(ONE)


def test_a_redis_that_came_back_is_used_at_once(own_valkey: Valkey) -> None:
    queue = Queue(own_valkey.url)
    assert queue.ping()
    own_valkey.stop()
    assert not queue.ping()
    own_valkey.start()
    assert queue.enqueue(ONE)


def test_its_words_never_hold_the_password(own_valkey: Valkey) -> None:
    wrong = own_valkey.url.replace(own_valkey.password, "open-sesame")
    with pytest.raises(QueueDown) as raised:
        Queue(wrong).enqueue(ONE)
    assert "open-sesame" not in str(raised.value)
