"""The way from the ledger into RQ: enqueue batches, and ask what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import TypeVar, cast

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from rq.suspension import WORKERS_SUSPENDED
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from mailroom.in_parts import in_parts
from mailroom.queue.connection import connect
from mailroom.queue.early import EarlyLine, EarlyTransaction
from mailroom.queue.job import JobList
from mailroom.queue.keys import BULK, OUR_QUEUES, URGENT, job_id, queue_key, worker_key
from mailroom.queue.new_jobs import NewBatch, enqueuing
from mailroom.queue.strays import is_wrong_kind, put_aside, readable
from mailroom.queue.worker_info import WORKER_FIELDS, WorkerInfo, read_worker

JOBS_PER_PIPELINE = 1000
"""Batches a pipeline: its reply must come within the reply timeout."""

REST_AFTER_TIMEOUT = 1.0
"""Seconds for which a hung Redis is not asked again, so that requests do not queue up behind it."""

LOOKED_THROUGH_AT_ONCE = 10_000
"""Jobs of a queue whose ids are read at once, when some of them are looked for: a quarter of a megabyte."""

T = TypeVar("T")
BatchId = tuple[int, int]


class QueueDown(Exception):
    """Redis is away, hangs, is full, refuses us or holds other things. Nothing is lost: the ledger has it."""


WRONG_KIND_IN_REDIS = "Redis holds something else where a list of Mailroom's should be; workers put it aside"

EVICTS_NOTHING = "noeviction"


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
                enqueuing(chunk, at_front, again).run(self.redis)
            enqueued = True
        return enqueued

    def enqueue_early(self, batches: Sequence[NewBatch]) -> EarlyTransaction | None:
        """Sends the same and waits for nothing, Redis' answers included: for these there is `has_arrived`.

        None: it cannot be sent so. Ended by `has_arrived`, or by `forget` of what it returns.
        """
        if time.monotonic() < self._resting_until or not 0 < len(batches) <= JOBS_PER_PIPELINE:
            return None
        return self._early.send(enqueuing(batches))

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
            waiting = self._those_on(URGENT, wanted.keys()) | self._those_on(BULK, wanted.keys())
            for key in self.redis.smembers(REDIS_WORKER_KEYS):
                pipe.hget(key, "job")
            running = pipe.execute(raise_on_error=False)  # a worker's record may be none
        held = {id for id in running if isinstance(id, bytes)}
        return [
            batch
            for id, batch in wanted.items()
            if id not in waiting and (id not in held or batch in overdue)
        ]

    def _those_on(self, name: str, wanted: Set[bytes]) -> set[bytes]:
        """Those of these jobs that wait in that queue, which is never held as a whole.

        Read from its end on: what is taken off its beginning meanwhile moves the others to where is yet to
        be read. Put there meanwhile, it moves some to where was read: they are enqueued again for nothing.
        """
        key, found = queue_key(name), set[bytes]()
        end = int(self.redis.llen(key))
        while end > 0 and len(found) < len(wanted):
            begin = max(0, end - LOOKED_THROUGH_AT_ONCE)
            found |= wanted & {*cast(list[bytes], self.redis.lrange(key, begin, end - 1))}
            end = begin
        return found

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
        read = (readable(read_worker, key, values) for key, values in zip(keys, found, strict=True))
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
