"""Redis is away, empty, hung or full: faults 7 to 10."""

from __future__ import annotations

import time

from tests.drills.drill import drill
from tests.drills.pages import Pages
from tests.drills.stage import Stage


@drill(
    "7",
    "Redis down at submit, back later",
    without="`except QueueDown` in `enqueue.onto`: the submission fails although it is on disk",
)
def redis_is_down(stage: Stage) -> None:
    stage.system.sink.set_rules([])
    stage.valkey.kill()
    for _ in range(5):
        began = time.monotonic()
        assert not stage.accept(stage.size(50, 1_000)).enqueued
        assert time.monotonic() - began < 2
    stage.start_workers()
    time.sleep(1)
    stage.valkey.start()
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "8",
    "FLUSHALL in mid-run",
    without="`Sweeper._find_forgotten()`: what was in Redis was all there was",
)
def redis_is_flushed(stage: Stage) -> None:
    stage.build("any: delay dot 0.01")
    stage.accept(stage.size(600, 3_000))
    stage.start_workers()
    for share in (0.1, 0.4) if not stage.full else (0.1, 0.3, 0.5, 0.7, 0.9):
        stage.arrived(share)
        stage.valkey.client.flushall()
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "9",
    "Redis hangs for 60 s (SIGSTOP)",
    without="`REDIS_REPLY_TIMEOUT` in `queue.connection`: every page waits as long as Redis does",
)
def redis_hangs(stage: Stage) -> None:
    stage.build("any: delay dot 0.01")
    stage.accept(stage.size(400, 3_000))
    stage.start_workers()
    stage.arrived(0.1)
    with Pages(stage) as pages:
        stage.valkey.pause()
        until = time.monotonic() + stage.size(5, 60)
        while time.monotonic() < until:
            pages.visit()
        stage.valkey.go_on()
        assert pages.slowest < 2, f"a page took {pages.slowest:.1f} s"
    stage.wait_until_over()
    stage.all_sent()


@drill(
    "10",
    "Redis full (`maxmemory 1`), then healed",
    without="`except OutOfMemoryError` and `except RedisError` in `Queue._asking`: the submission fails",
)
def redis_is_full(stage: Stage) -> None:
    stage.build("any: delay dot 0.01")
    stage.accept(stage.size(300, 3_000))
    pool = stage.start_workers()
    stage.arrived(0.1)
    stage.valkey.client.config_set("maxmemory", "1")
    assert not stage.accept(50).enqueued
    time.sleep(stage.size(2, 10))
    assert pool.poll() is None
    stage.valkey.client.config_set("maxmemory", "0")
    stage.wait_until_over()
    stage.all_sent()
