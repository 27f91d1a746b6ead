"""What somebody tries who can write to Redis: garbage wherever a worker, a page or a probe reads.

After each of them the worker that was there runs the next batch, and every page and probe answers.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import delete, insert

from app import create_app
from mailroom.engine import sweeper
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import batches
from mailroom.queue import BULK, URGENT, Queue, QueueDown, Worker
from mailroom.queue.connection import connect
from mailroom.queue.heartbeat import Heartbeat
from mailroom.queue.keys import job_id, job_key, queue_key
from mailroom.queue.strays import ASIDE
from mailroom.settings import Settings, load
from tests.queue.stage import Stage
from tests.servers import Valkey, wait_until

Attack = Callable[[Redis], object]


def call(*arguments: object) -> bytes:
    return zlib.compress(json.dumps(["jobs.deliver.deliver", None, list(arguments), {}]).encode())


def a_job(redis: Redis, id: str = "deliver-7-0", **fields: bytes) -> Redis:
    """A job of ours on the queue, with these fields instead."""
    ours: dict[str, bytes] = {"data": call(7, 0), "status": b"queued", "origin": b"bulk"}
    redis.hset(job_key(id), mapping=ours | fields)  # type: ignore[arg-type]
    redis.rpush(queue_key(BULK), id)
    return redis


def a_worker(redis: Redis, **fields: bytes) -> Redis:
    """A record of a worker, with these fields instead."""
    usual = {
        "pid": b"1",
        "hostname": b"h",
        "queues": b"bulk",
        "last_heartbeat": b"2030-01-01T00:00:00.0Z",
    }
    redis.hset("rq:worker:stranger", mapping=usual | fields)  # type: ignore[arg-type]
    for registry in ("rq:workers", "rq:workers:bulk"):
        redis.sadd(registry, "rq:worker:stranger")
    return redis


def of_live_workers(redis: Redis, change: Callable[[Any], object]) -> None:
    for key in redis.smembers("rq:workers"):
        change(key)


ON_THE_QUEUE: dict[str, Attack] = {
    "no UTF-8": lambda redis: redis.rpush(queue_key(BULK), b"\xff\xfe"),
    "nothing": lambda redis: redis.rpush(queue_key(BULK), b""),
    "a NUL and line ends": lambda redis: redis.rpush(queue_key(URGENT), b"\0\r\n\r\n"),
    "a colon": lambda redis: redis.rpush(queue_key(BULK), b"a:b"),
    "a megabyte": lambda redis: redis.rpush(queue_key(BULK), b"x" * 1_000_000),
    "a job that is not there": lambda redis: redis.rpush(queue_key(BULK), b"deliver-9-9"),
    "many of them": lambda redis: redis.rpush(queue_key(BULK), *[b"\xff%d" % n for n in range(500)]),
}

AS_A_JOB: dict[str, Attack] = {
    "a field's name is no UTF-8": lambda redis: redis.hset("rq:job:x", b"\xff", b"1") and a_job(redis, "x"),
    "a status that is none": lambda redis: a_job(redis, status=b"\xff"),
    "a time that is none": lambda redis: a_job(redis, created_at=b"never"),
    "a timeout that is none": lambda redis: a_job(redis, timeout=b"1e999"),
    "a number of 5,000 digits": lambda redis: a_job(redis, result_ttl=b"9" * 5000),
    "data that is no JSON": lambda redis: a_job(redis, data=b"\xff\xff"),
    "data of 5,000 digits": lambda redis: a_job(redis, data=call(int("9" * 4000))),
    "data that is too deep": lambda redis: a_job(redis, data=zlib.compress(b"[" * 10_000 + b"]" * 10_000)),
    "numbers that no row has": lambda redis: a_job(redis, data=call(10**30, -1)),
    "no numbers": lambda redis: a_job(redis, data=call("1", None)),
    "data that swells": lambda redis: a_job(redis, data=zlib.compress(b"0" * 300_000_000, 9)),
    "a string": lambda redis: redis.set("rq:job:s", b"x") and redis.rpush(queue_key(BULK), "s"),
    "a list": lambda redis: redis.rpush("rq:job:l", b"x") and redis.rpush(queue_key(BULK), "l"),
}

AS_A_WORKER: dict[str, Attack] = {
    "a pid that is none": lambda redis: a_worker(redis, pid=b"none"),
    "a pid of 5,000 digits": lambda redis: a_worker(redis, pid=b"9" * 5000),
    "a pid below nothing": lambda redis: a_worker(redis, pid=b"-1"),
    "a pid of another script": lambda redis: a_worker(redis, pid=b"\xff"),
    "a host that is no UTF-8": lambda redis: a_worker(redis, hostname=b"\xff"),
    "queues that are no UTF-8": lambda redis: a_worker(redis, queues=b"\xff,\xfe"),
    "a heartbeat that is none": lambda redis: a_worker(redis, last_heartbeat=b"\xff"),
    "a heartbeat of the year 99999": lambda redis: a_worker(redis, last_heartbeat=b"99999-01-01T00:00:00Z"),
    "a job that is no UTF-8": lambda redis: a_worker(redis, job=b"\xff\xff"),
    "a field's name is no UTF-8": lambda redis: (
        a_worker(redis),
        redis.hset("rq:worker:stranger", b"\xff", b"\xff"),
    ),
    "no name": lambda redis: redis.sadd("rq:workers", b"", b"\xff", b"\0", b"x"),
    "a string": lambda redis: (redis.sadd("rq:workers", "rq:worker:s"), redis.set("rq:worker:s", "x")),
    "a queue": lambda redis: (redis.sadd("rq:workers", "rq:q"), redis.rpush("rq:q", "x")),
    "fields of the live ones": lambda redis: of_live_workers(
        redis, lambda key: redis.hset(key, mapping={b"\xff": b"\xff", b"pid": b"none", b"birth": b"\xff"})
    ),
    "the live ones as strings": lambda redis: of_live_workers(redis, lambda key: redis.set(key, "x")),
}

ANOTHER_KIND: dict[str, Attack] = {
    f"{key} is a {name}": (lambda redis, key=key, kind=kind: (redis.delete(key), kind(redis, key)))  # type: ignore[misc]
    for key in (
        *("rq:queues", "rq:workers", "rq:workers:bulk", "rq:queue:bulk", "rq:queue:urgent"),
        *("rq:wip:bulk", "rq:finished:bulk", "rq:failed:bulk"),
    )
    for name, kind in {
        "string": lambda redis, key: redis.set(key, "x"),
        "hash": lambda redis, key: redis.hset(key, "x", "y"),
    }.items()
}

IN_REGISTRIES: dict[str, Attack] = {
    f"{what} in {key}": (lambda redis, key=key, entry=entry: redis.zadd(key, {entry: 1}))  # type: ignore[misc]
    for key in ("rq:wip:bulk", "rq:finished:bulk", "rq:failed:bulk")
    for what, entry in {"no UTF-8": b"\xff", "nothing": b"", "no id": b"a:b:c", "a NUL": b"\0"}.items()
}

ATTACKS = {
    f"{where}: {what}": attack
    for where, attacks in {
        "on the queue": ON_THE_QUEUE,
        "as a job": AS_A_JOB,
        "as a worker": AS_A_WORKER,
        "another kind": ANOTHER_KIND,
        "in a registry": IN_REGISTRIES,
    }.items()
    for what, attack in attacks.items()
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Valkey, Stage]]:
    """A Valkey of this file's own, and a worker on it."""
    folder = tmp_path_factory.mktemp("redis")
    valkey = Valkey(folder / "valkey")
    valkey.start()
    worker = Stage(valkey.url, folder)
    yield valkey, worker
    worker.end()
    valkey.kill()


@pytest.fixture(scope="module")
def settings(
    house: tuple[Valkey, Stage], _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    (home / "mailroom.db").write_bytes(_sqlite_template.read_bytes())
    return load(
        {
            "SECRET_KEY": "a secret for tests only",
            "DATABASE_URL": f"sqlite:///{home}/mailroom.db",
            "REDIS_URL": house[0].url,
            "MAIL_SERVER": "127.0.0.1",
            "MAILROOM_HOME": str(home),
        }
    )


@pytest.fixture(scope="module")
def web(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["mailroom"].database.dispose()


@pytest.fixture(scope="module")
def key(web: Flask) -> str:
    with web.extensions["mailroom"].database.begin() as connection:
        return api_keys.add(connection, "prometheus", scopes=["read"])[0]


@pytest.fixture
def attacked(house: tuple[Valkey, Stage]) -> Iterator[tuple[Redis, Queue, Stage]]:
    valkey, worker = house
    queue = Queue(valkey.url)
    wait_until(lambda: queue.workers(), 15, "the worker")
    yield valkey.client, queue, worker
    assert len(worker.lines("start")) == 1 and worker.process.poll() is None, "the worker lives"
    queue.close()
    for name in valkey.client.scan_iter():
        if not name.startswith(b"rq:worker"):
            valkey.client.delete(name)
    for registry in ("rq:workers", "rq:workers:bulk"):
        if valkey.client.type(registry) != b"set":
            valkey.client.delete(registry)
        for name in cast(set[bytes], valkey.client.smembers(registry)):
            if not name.startswith(b"rq:worker:") or name in (b"rq:worker:stranger", b"rq:worker:s"):
                valkey.client.srem(registry, name)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_worker_goes_on(
    attacked: tuple[Redis, Queue, Stage], web: Flask, key: str, attack: Attack
) -> None:
    redis, queue, worker = attacked
    attack(redis)
    page = web.test_client()
    assert page.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert page.get("/readyz").json["parts"]["redis"]["ok"]  # type: ignore[index]
    done = len(worker.batches())

    def enqueued() -> bool:
        try:
            return queue.enqueue([(1_000, 0, 5, BULK)])
        except QueueDown:
            return False

    wait_until(enqueued, 30, "a queue to put a batch on")
    wait_until(lambda: len(worker.batches()) > done, 30, "the next batch to be run")
    wait_until(lambda: page.get("/readyz").json["parts"]["workers"]["ok"], 30)  # type: ignore[index]
    assert queue.missing([(5, 5)]) == [(5, 5)]


def test_what_is_put_aside_can_be_looked_at_for_a_day(
    attacked: tuple[Redis, Queue, Stage],
) -> None:
    redis, queue, _ = attacked
    redis.set(queue_key(BULK), "of a stranger")
    wait_until(lambda: redis.get(ASIDE + queue_key(BULK)) == b"of a stranger", 5)
    assert 0 < redis.ttl(ASIDE + queue_key(BULK)) <= 24 * 3600
    assert queue.waiting(BULK) == 0


def test_it_is_said_what_is_wrong_not_that_redis_is_away(
    valkey: Valkey, settings_env: dict[str, str]
) -> None:
    valkey.client.set(queue_key(BULK), "x")
    queue = Queue(valkey.url)
    with pytest.raises(QueueDown, match="something else"):
        queue.waiting(BULK)
    queue.close()


def test_workers_that_are_none_hold_no_batch_back(
    attacked: tuple[Redis, Queue, Stage], web: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that says that it has a batch's job is believed for a minute."""
    redis, queue, _ = attacked
    monkeypatch.setattr(sweeper, "LOOKED_FOR_AFTER_MS", -1)
    database = web.extensions["mailroom"].database
    sweep = sweeper.Sweeper(database, queue, "ann")
    with database.begin() as connection:
        row = {"queue": "nobody's", "size": 1, "epoch": 0, "enqueued_at": 0}
        batch = connection.execute(insert(batches).values(row).returning(batches.c.id)).scalar_one()
    a_worker(redis, job=job_id(batch, 0).encode())
    assert not queue.missing([(batch, 0)])
    sweep._find_forgotten()
    assert not redis.exists(job_key(job_id(batch, 0)))
    monkeypatch.setattr(sweeper, "CLAIMED_WITHIN", 0)
    sweep._find_forgotten()
    assert redis.exists(job_key(job_id(batch, 0)))
    with database.begin() as connection:
        connection.execute(delete(batches).where(batches.c.id == batch))
    redis.delete(queue_key("nobody's"))


def test_workers_that_are_suspended_are_told_of(attacked: tuple[Redis, Queue, Stage], web: Flask) -> None:
    redis, _, _ = attacked
    redis.set("rq:suspended", "1")
    workers = web.test_client().get("/readyz").json["parts"]["workers"]  # type: ignore[index]
    assert not workers["ok"] and "rq resume" in workers["why"]
    redis.delete("rq:suspended")


called: list[object] = []


def a_callback(*given: object) -> None:
    called.append(given)


def test_a_lost_worker_s_job_calls_nothing_back(valkey: Valkey) -> None:
    """RQ calls a failure callback of a job whose worker is gone, whoever wrote it there."""
    a_job(valkey.client, status=b"started", failure_callback_name=f"{__name__}.a_callback".encode())
    valkey.client.delete(queue_key(BULK))
    valkey.client.zadd("rq:wip:bulk", {"deliver-7-0:1": time.time() - 60})
    redis = connect(valkey.url)
    worker = Worker([BULK], "tidy", connection=redis)
    Heartbeat(worker, redis, 60).tidy()
    assert valkey.client.zscore("rq:failed:bulk", "deliver-7-0"), "it was found, and filed"
    assert called == []
