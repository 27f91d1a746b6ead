"""The way from the ledger into RQ: enqueue batches, and ask what became of them."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from rq.defaults import RQ_KEY_PREFIX
from rq.job import JobStatus
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import as_text, now, utcformat, utcparse
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from mailroom.in_parts import in_parts
from mailroom.queue.connection import connect
from mailroom.queue.early import EarlyLine, EarlyTransaction
from mailroom.queue.job import DELIVER, JobList
from mailroom.queue.strays import is_wrong_kind, put_aside, readable
from mailroom.queue.transaction import Transaction, packed

URGENT, BULK = "urgent", "bulk"
OUR_QUEUES = frozenset({URGENT, BULK})

JOB_TIMEOUT = 3600
"""Seconds. A job ends itself within half a minute, or within ten when a server stalls at
a final dot; one that is still there after an hour hangs, and its worker is ended."""

RESULT_TTL = 300
"""Seconds that a finished job can be seen in rq-dashboard. The ledger knows more, and for ever."""

FAILURE_TTL = 24 * 3600
"""A failed job is a fault in Mailroom, not a mail that failed: kept for a day of finding out."""

JOBS_PER_PIPELINE = 1000
"""Batches a pipeline: its reply must come within the reply timeout."""

REST_AFTER_TIMEOUT = 1.0
"""Seconds for which a hung Redis is not asked again, so that requests do not queue up behind it."""

EXECUTION = "1"
"""RQ numbers the executions of a job at random; ours has one, so that it can be cleared by name."""

NEW_JOB: dict[str, str | int] = {
    "status": JobStatus.QUEUED.value,
    "timeout": JOB_TIMEOUT,
    "result_ttl": RESULT_TTL,
    "failure_ttl": FAILURE_TTL,
}
"""What the hashes of all our jobs have in common."""

SAME_FIELDS_PACKED = packed(*(str(word) for field in NEW_JOB.items() for word in field))

T = TypeVar("T")
BatchId = tuple[int, int]
NewBatch = tuple[int, int, int, str]
"""batch id, epoch, size, queue"""


class QueueDown(Exception):
    """Redis is away, hangs, is full, refuses us or holds other things. Nothing is lost: the ledger has it."""


WRONG_KIND_IN_REDIS = "Redis holds something else where a list of Mailroom's should be; workers put it aside"

WORKER_FIELDS = ("hostname", "pid", "state", "queues", "job", "last_heartbeat", "troubles", "ledger")

EVICTS_NOTHING = "noeviction"

LARGEST_PID = 2**31 - 1

NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
LONGEST_HOST_NAME = 255
"""Of a host: whoever can write to Redis can say that it is anything, and it is shown."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker as it describes itself in Redis."""

    name: str
    hostname: str
    pid: int
    state: str
    queues: tuple[str, ...]
    job_id: str | None
    last_heartbeat: datetime
    troubles: str  # what fails in it at present, in half a sentence
    ledger: str  # whose deliveries it makes; "": it does not say

    def may_be_of(self, ledger: str) -> bool:
        """Who says nothing may be of an older Mailroom that is about to be replaced."""
        return self.ledger in ("", ledger)


def job_id(batch_id: int, epoch: int) -> str:
    return f"deliver-{batch_id}-{epoch}"


BATCH_JOB_ID = re.compile(r"deliver-([0-9]{1,18})-[0-9]{1,18}")


def batch_of(job_id: str) -> int | None:
    """The batch that a job of ours is named after; None for a job that is none of ours."""
    found = BATCH_JOB_ID.fullmatch(job_id)
    return int(found[1]) if found else None


def job_key(id: str) -> str:
    return f"{RQ_KEY_PREFIX}:job:{id}"


def queue_key(name: str) -> str:
    return f"{JobList.redis_queue_namespace_prefix}{name}"


def worker_key(name: str) -> str:
    return f"{RQ_KEY_PREFIX}:worker:{name}"


class Queue:
    """The RQ queues of one Redis. Every call ends within about a second, or raises QueueDown."""

    def __init__(self, redis: str | Redis) -> None:
        self.redis = connect(redis)
        self._early = EarlyLine(self.redis)
        self._resting_until = 0.0

    def enqueue(self, batches: Iterable[NewBatch], *, at_front: bool = False, again: bool = False) -> bool:
        """Put a job for each (batch_id, epoch, size, queue_name) onto its queue; False when there was none.

        `again`: under an id that may be known already; what is left of the earlier job is cleared. When
        QueueDown is raised, whole pipelines may have gone out before: `missing` tells which.
        """
        enqueued = False
        for chunk in in_parts(batches, JOBS_PER_PIPELINE):
            with self._asking(mend=True):
                _enqueuing(chunk, at_front, again).run(self.redis)
            enqueued = True
        return enqueued

    def enqueue_early(self, batches: Sequence[NewBatch]) -> EarlyTransaction | None:
        """Sends the same and waits for nothing, Redis' answers included: for these there is `has_arrived`.

        None: it cannot be sent so. Ended by `has_arrived`, or by `forget` of what it returns.
        """
        if time.monotonic() < self._resting_until or not 0 < len(batches) <= JOBS_PER_PIPELINE:
            return None
        return self._early.send(_enqueuing(batches))

    def has_arrived(self, early: EarlyTransaction) -> None:
        """Returns when those are on their queues. Whether they are is not known when QueueDown is raised."""
        with self._asking(mend=True):
            early.arrive()

    def get_ready(self) -> None:
        """For the next who enqueues early."""
        self._ask(self._early.open)

    def missing(self, batches: Iterable[BatchId], overdue: Collection[BatchId] = ()) -> list[BatchId]:
        """Those (batch_id, epoch) whose job is in no queue and is not being run by a live worker.

        Of `overdue` ones no worker is believed: whoever can write to Redis can list one that is none.

        What RQ says of a job's state is not enough: a worker killed right after its pop
        leaves it "queued" for ever, one killed later leaves it "started". So the queues
        themselves are read, and each worker is asked which job it has.
        """
        wanted = {job_id(*batch).encode(): batch for batch in batches}
        if not wanted:
            return []
        with self._asking(mend=True), self.redis.pipeline() as pipe:
            for name in (URGENT, BULK):
                pipe.lrange(JobList(name, self.redis).key, 0, -1)
            pipe.smembers(REDIS_WORKER_KEYS)
            urgent, bulk, workers = pipe.execute()
            for key in workers:
                pipe.hget(key, "job")
            running = pipe.execute(raise_on_error=False)  # a worker's record may be none
        waiting, held = {*urgent, *bulk}, {id for id in running if isinstance(id, bytes)}
        return [
            batch
            for id, batch in wanted.items()
            if id not in waiting and (id not in held or batch in overdue)
        ]

    def waiting(self, name: str) -> int:
        """How many jobs wait in that queue."""
        return self._ask(lambda: int(self.redis.llen(JobList(name, self.redis).key)))

    def is_suspended(self) -> bool:
        """Whether workers rest until somebody says `rq resume`."""
        return self._ask(lambda: bool(self.redis.exists(WORKERS_SUSPENDED)))

    def eviction(self) -> str:
        """Redis' maxmemory-policy: what it does when its memory is full."""
        return self._ask(lambda: str(self.redis.info("memory").get("maxmemory_policy", EVICTS_NOTHING)))

    def ping(self) -> bool:
        try:
            return self._ask(lambda: bool(self.redis.ping()))
        except QueueDown:
            return False

    def workers(self) -> list[WorkerInfo]:
        """The live workers of all machines, by name; records that cannot be read are none of theirs.

        Other programs on this Redis have workers too: who listens to no queue of ours delivers nothing.
        """
        with self._asking(), self.redis.pipeline() as pipe:
            keys = sorted(self.redis.smembers(REDIS_WORKER_KEYS))
            for key in keys:
                pipe.hmget(key, WORKER_FIELDS)
            found = pipe.execute(raise_on_error=False)
        read = (readable(_worker_info, key, values) for key, values in zip(keys, found, strict=True))
        return [worker for worker in read if worker and not OUR_QUEUES.isdisjoint(worker.queues)]

    def forget_worker(self, name: str) -> None:
        """Take a worker known to be dead off the lists at once, not when its entry expires."""
        with self._asking(), self.redis.pipeline() as pipe:
            pipe.delete(worker_key(name))
            for registry in (REDIS_WORKER_KEYS, *(WORKERS_BY_QUEUE_KEY % queue for queue in (URGENT, BULK))):
                pipe.srem(registry, worker_key(name))
            pipe.execute()

    def close(self) -> None:
        self.redis.close()

    def _ask(self, question: Callable[[], T]) -> T:
        with self._asking():
            return question()

    @contextmanager
    def _asking(self, *, mend: bool = False) -> Iterator[None]:
        """`mend`: what is none of ours and in our way is put aside, for the next try."""
        if time.monotonic() < self._resting_until:
            raise QueueDown("Redis does not answer")
        try:
            yield
        except RedisTimeout as error:
            self._resting_until = time.monotonic() + REST_AFTER_TIMEOUT
            raise QueueDown("Redis does not answer") from error
        except OutOfMemoryError as error:
            raise QueueDown("Redis is full") from error
        except ResponseError as error:
            if not is_wrong_kind(error):
                raise QueueDown(f"Redis refuses: {error}") from error
            if mend:
                self._put_aside()
            raise QueueDown(WRONG_KIND_IN_REDIS) from error
        except QueueDown:
            raise
        except (RedisError, OSError) as error:
            raise QueueDown(f"Redis cannot be used: {error}") from error
        except Exception as error:
            # Another server's words. What is left of them shall not be the answer to the next question.
            self.redis.connection_pool.disconnect()
            raise QueueDown(f"Redis answers nonsense ({type(error).__name__})") from error

    def _put_aside(self) -> None:
        with self._asking():
            put_aside(self.redis, (URGENT, BULK))


def _enqueuing(batches: Sequence[NewBatch], at_front: bool = False, again: bool = False) -> Transaction:
    transaction = Transaction()
    for name in {batch[3] for batch in batches}:
        transaction.add("SADD", JobList.redis_queues_keys, queue_key(name))
        if again:
            ids = [job_id(batch[0], batch[1]) for batch in batches if batch[3] == name]
            _forget(transaction, name, ids)
    _add(transaction, batches, at_front)
    return transaction


def _add(transaction: Transaction, batches: Sequence[NewBatch], at_front: bool) -> None:
    """Writes what RQ's Job.save would, in about a third of its time: somebody waits for this in a request."""
    enqueued_at = utcformat(now())
    push = "LPUSH" if at_front else "RPUSH"
    for batch_id, epoch, size, name in reversed(batches) if at_front else batches:
        id = job_id(batch_id, epoch)
        key = job_key(id)
        fields: tuple[str | bytes, ...] = (
            *("created_at", enqueued_at, "enqueued_at", enqueued_at, "origin", name),
            *("data", _compressed(json.dumps([DELIVER, None, [batch_id, epoch], {}]).encode())),
            *("description", f"deliver batch {batch_id} ({size} {'mail' if size == 1 else 'mails'})"),
        )
        # An id comes again when the ledger was made anew and Redis was not.
        transaction.add("DEL", key)
        words = packed("HSET", key, *fields) + SAME_FIELDS_PACKED
        transaction.add_packed(2 + len(fields) + 2 * len(NEW_JOB), words)
        transaction.add(push, queue_key(name), id)


def _compressed(call: bytes) -> bytes:
    """As RQ reads it. zlib's usual 256 KiB of memory take 60 microseconds to set up, for 50 bytes."""
    small = zlib.compressobj(level=1, wbits=9, memLevel=1)
    return small.compress(call) + small.flush()


def _forget(transaction: Transaction, name: str, ids: Sequence[str]) -> None:
    """Takes earlier jobs of these ids off RQ's lists."""
    transaction.add("ZREM", f"{RQ_KEY_PREFIX}:finished:{name}", *ids)
    transaction.add("ZREM", f"{RQ_KEY_PREFIX}:failed:{name}", *ids)
    transaction.add("ZREM", f"{RQ_KEY_PREFIX}:wip:{name}", *[f"{id}:{EXECUTION}" for id in ids])
    for id in ids:
        transaction.add("DEL", f"{RQ_KEY_PREFIX}:results:{id}", f"{RQ_KEY_PREFIX}:executions:{id}")


def _worker_info(key: bytes, values: Sequence[bytes | None]) -> WorkerInfo:
    """Raises an exception of any kind for a record that is none of a live worker."""
    hostname, pid, state, queues, job, heartbeat, *rest = (as_text(value or b"") for value in values)
    troubles, ledger = rest
    number = int(pid or 0)
    if not 0 <= number <= LARGEST_PID:
        raise ValueError("no process has this number")
    return WorkerInfo(
        name=as_text(key).removeprefix(worker_key("")),
        hostname=NOT_OF_A_NAME.sub("?", hostname)[:LONGEST_HOST_NAME],
        pid=number,
        state=state or "starting",
        queues=tuple(queues.split(",")),
        job_id=job or None,
        last_heartbeat=utcparse(heartbeat),
        troubles=troubles,
        ledger=ledger,
    )
