from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.typing import EncodableT, FieldT

from mailroom.queue import BULK, Job, Queue
from tests.queue.stage import Stage
from tests.servers import Valkey

GOOD: list[Any] = ["jobs.deliver.deliver", None, [1, 0], {}]


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def smuggle(queue: Queue, data: bytes, **fields: str) -> None:
    job: dict[FieldT, EncodableT] = {"data": data, "status": "queued", "created_at": ""}
    job.update(fields)
    queue.redis.hset("rq:job:x", mapping=job)
    queue.redis.rpush("rq:queue:bulk", "x")
    queue.enqueue([(7, 0, 1, BULK)])


def assert_refused(queue: Queue, workers: Stage, reason: str) -> None:
    assert workers.wait() == 0
    assert workers.batches() == [7], "it goes on with the next one"
    assert queue.redis.hget("rq:job:x", "status") == b"failed"
    result = Job.fetch("x", queue.redis).latest_result()
    assert result is not None and reason in (result.exc_string or "")


@pytest.mark.parametrize(
    "data",
    [
        ["os.system", None, ["touch {path}"], {}],
        ["jobs.deliver.os.system", None, ["touch {path}"], {}],
        ["jobs.deliver.deliver.__globals__", None, [], {}],
        ["system", "os", ["touch {path}"], {}],
    ],
)
def test_a_function_that_is_not_ours(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage], tmp_path: Path, data: list[Any]
) -> None:
    path = tmp_path / "touched"
    smuggle(queue, json.dumps(data).replace("{path}", str(path)).encode())
    assert_refused(queue, stage(valkey.url, "--burst"), "refused: it names a function")
    assert not path.exists()


@pytest.mark.parametrize(
    "data",
    [
        ["jobs.deliver.deliver", None, ["1; DROP", 0], {}],
        ["jobs.deliver.deliver", None, [True, 0], {}],
        ["jobs.deliver.deliver", None, [1], {"epoch": 0}],
        ["jobs.deliver.deliver", {}, [1, 0], {}],
    ],
)
def test_arguments_that_are_not_whole_numbers(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage], data: list[Any]
) -> None:
    smuggle(queue, json.dumps(data).encode())
    assert_refused(queue, stage(valkey.url, "--burst"), "refused: its arguments")


@pytest.mark.parametrize(
    "field",
    [
        {"success_callback_name": "os.abort"},
        {"failure_callback_name": "os.abort"},
        {"stopped_callback_name": "os.abort"},
        {"webhooks": '[{"url": "http://127.0.0.1:1/", "job_status": "failed"}]'},
        {"repeats_left": "3", "repeat_intervals": "[0]"},
        {"retries_left": "3"},
        {"dependency_ids": '["y"]'},
        {"group_id": "y"},
        {"rate_limit_key": "y", "rate_limit_concurrency": "1"},
        {"something_new": "y"},
    ],
)
def test_anything_that_our_jobs_do_not_carry(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage], field: dict[str, str]
) -> None:
    smuggle(queue, json.dumps(GOOD).encode(), **field)
    assert_refused(queue, stage(valkey.url, "--burst"), "refused: it carries")


def test_a_pickle_is_not_opened(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage], tmp_path: Path
) -> None:
    path = tmp_path / "touched"
    bomb = pickle.dumps(Bomb(path))
    smuggle(queue, zlib.compress(bomb))
    queue.redis.hset("rq:job:x", mapping={"meta": bomb, "result": bomb})
    assert_refused(queue, stage(valkey.url, "--burst"), "refused: it carries meta, result")
    assert not path.exists()


@pytest.mark.parametrize("garbage", [{"status": "nonsense"}, {"timeout": "a while"}, {"webhooks": "{"}, {}])
def test_garbage_stops_nobody(
    queue: Queue, valkey: Valkey, stage: Callable[..., Stage], garbage: dict[str, str]
) -> None:
    smuggle(queue, b"\x00\xff", **garbage)
    queue.redis.rpush("rq:queue:bulk", "never-was", "not an id at all!")
    queue.enqueue([(8, 0, 1, BULK)])
    workers = stage(valkey.url, "--burst")
    assert workers.wait() == 0
    assert workers.batches() == [7, 8]
    assert not queue.redis.exists("rq:job:never-was")
