from __future__ import annotations

import pytest
from redis.exceptions import OutOfMemoryError, ResponseError

from mailroom.queue import Queue
from mailroom.queue.connection import connect
from mailroom.queue.transaction import Transaction
from tests.servers import Valkey


def transaction(*commands: tuple[str | bytes, ...]) -> Transaction:
    made = Transaction()
    for words in commands:
        made.add(*words)
    return made


def test_any_octets_arrive(queue: Queue) -> None:
    transaction(("SET", "a", b"\r\n$3\r\n\0\xff"), ("RPUSH", "b", "ä", "")).run(queue.redis)
    assert queue.redis.get("a") == b"\r\n$3\r\n\0\xff"
    assert queue.redis.lrange("b", 0, -1) == ["ä".encode(), b""]


def test_what_cannot_be_done_is_raised_and_the_next_answer_is_its_own(queue: Queue) -> None:
    queue.redis.set("a", "x")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        transaction(("SET", "b", "1"), ("RPUSH", "a", "y"), ("SET", "c", "2")).run(queue.redis)
    assert queue.redis.mget("a", "b", "c") == [b"x", b"1", b"2"]


def test_what_is_not_understood_undoes_all_of_it(queue: Queue) -> None:
    with pytest.raises(ResponseError, match="unknown command"):
        transaction(("SET", "b", "1"), ("NONSENSE",), ("SET", "c", "2")).run(queue.redis)
    assert queue.redis.mget("b", "c") == [None, None]


def test_a_full_redis_takes_none_of_it(own_valkey: Valkey) -> None:
    redis = connect(own_valkey.url)
    own_valkey.client.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        transaction(("DEL", "a"), ("SET", "b", "1")).run(redis)
    own_valkey.client.config_set("maxmemory", 0)
    assert redis.get("b") is None


def test_a_connection_that_died_meanwhile_is_opened_anew(queue: Queue) -> None:
    transaction(("SET", "a", "1")).run(queue.redis)
    for connection in queue.redis.connection_pool._available_connections:
        connection.disconnect()
    transaction(("SET", "a", "2")).run(queue.redis)
    assert queue.redis.get("a") == b"2"
