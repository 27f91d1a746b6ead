from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ConnectionError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from rq.utils import now

from mailroom.queue import BULK, Queue, Worker, bookkeeping
from mailroom.queue.connection import connect
from mailroom.queue.job import Job
from mailroom.queue.kept_line import KeptLine
from mailroom.queue.transaction import command
from tests.servers import Valkey


@pytest.fixture
def redis(queue: Queue) -> Redis:
    return connect(queue.redis)


@pytest.fixture
def line(redis: Redis) -> Iterator[KeptLine]:
    line = KeptLine(redis)
    yield line
    line.let_go()


def test_each_command_has_its_answer_and_an_error_is_one_of_them(line: KeptLine) -> None:
    said, refused, read = line.ask(command("SET", "a", "ä\r\n"), command("LPOP", "a"), command("GET", "a"))
    assert (said, read) == (b"OK", "ä\r\n".encode())
    assert isinstance(refused, ResponseError)
    assert line.ask(command("GET", "a")) == [read], "nothing was left of the last answers"


def test_a_job_is_taken_and_read_over_one_connection(queue: Queue) -> None:
    before = int(queue.redis.info("stats")["total_connections_received"])
    worker = Worker([BULK], connection=queue.redis)
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    taken = worker._take(burst=False)
    assert taken is not None
    job = bookkeeping.begin(worker, BULK, taken[1])
    assert job is not None
    bookkeeping.end_well(worker, job)
    assert int(queue.redis.info("stats")["total_connections_received"]) == before + 1


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_job_is_read_in_both_of_redis_protocols(valkey: Valkey, queue: Queue, protocol: int) -> None:
    worker = Worker([BULK], connection=Redis.from_url(valkey.url, protocol=protocol))
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    job = bookkeeping.begin(worker, BULK, b"deliver-1-0")
    assert job is not None
    assert (job.func_name, job.args, job.description) == (
        "jobs.deliver.deliver",
        [1, 0],
        "deliver batch 1 (5 mails)",
    )


def test_what_was_closed_meanwhile_is_opened_anew(redis: Redis, line: KeptLine) -> None:
    line.ask(command("PING"))
    line.let_go()
    redis.connection_pool.disconnect()
    assert line.ask(command("PING")) == [b"PONG"]


def test_after_an_answer_that_did_not_come_the_next_one_is_its_own(own_valkey: Valkey) -> None:
    line = KeptLine(connect(own_valkey.url, reply_timeout=0.2))
    line.ask(command("SET", "a", "1"))
    own_valkey.pause()
    with pytest.raises(RedisTimeout):
        line.ask(command("SET", "a", "2"))
    own_valkey.go_on()
    assert line.ask(command("PING")) == [b"PONG"]
    own_valkey.kill()
    with pytest.raises(ConnectionError):
        line.ask(command("PING"))


def test_dates_are_no_concern_of_who_runs_a_job(queue: Queue) -> None:
    """Nor can a stranger's keep a worker from it; who looks at the job reads them."""
    began = now()
    queue.enqueue([(1, 0, 5, BULK)], again=True)
    fetched = Job.fetch("deliver-1-0", queue.redis)
    assert fetched.enqueued_at is not None and fetched.enqueued_at >= began
    queue.redis.hset("rq:job:deliver-1-0", "enqueued_at", "yesterday")
    assert bookkeeping.begin(Worker([BULK], connection=queue.redis), BULK, b"deliver-1-0") is not None
