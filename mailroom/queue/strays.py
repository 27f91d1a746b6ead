"""Quarantine: what somebody put into Redis where Mailroom's own should stand is put aside, and told of.

Redis is a trust boundary: whoever can write to it can put anything anywhere. Nothing of ours is
lost with it, for the ledger knows what is to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import structlog
from redis import Redis
from redis.exceptions import ConnectionError, ResponseError, TimeoutError
from rq.defaults import RQ_KEY_PREFIX
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from mailroom.queue.job import JobList

log = structlog.get_logger()

ASIDE = "mailroom:aside:"
KEPT_ASIDE = 24 * 3600
"""Seconds: a day to look at it."""

JOB_REGISTRIES = ("wip", "finished", "failed")
REGISTRY_ENTRY = re.compile(rb"[A-Za-z0-9_-]{1,200}(:[A-Za-z0-9]{1,100})?").fullmatch
"""A job's id, and in the registry of running jobs the number of its execution."""

T = TypeVar("T")


def readable(read: Callable[..., T], *of: Any) -> T | None:
    """What `read` finds in Redis; None when it makes no sense. An outage is still an outage."""
    try:
        return read(*of)
    except (ConnectionError, TimeoutError):
        raise
    except Exception:  # whatever a stranger may have put there
        return None


def is_wrong_kind(answer: object) -> bool:
    """Whether Redis said that a key holds another kind of value than a list, set or hash of ours."""
    return isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer)


def put_aside(redis: Redis, queues: Iterable[str]) -> bool:
    """Renames every key of ours that holds another kind of value; the next write makes it anew.

    Whether there was any.
    """
    any_was = False
    for key, kind in _kinds(queues).items():
        found = redis.type(key)
        if found in (b"none", kind.encode()):
            continue
        try:
            redis.rename(key, ASIDE + key)
        except ResponseError:  # another worker was faster, or we may not
            continue
        redis.expire(ASIDE + key, KEPT_ASIDE)
        log.error("a key in Redis was none of ours and is put aside", key=key, to=ASIDE + key)
        any_was = True
    return any_was


def drop_unreadable(redis: Redis, queues: Iterable[str]) -> None:
    """Takes entries off RQ's registries that are no job's id: RQ stops at the first of them."""
    for key, kind in _kinds(queues).items():
        if kind != "zset":
            continue
        entries = cast(list[bytes], redis.zrange(key, 0, -1))
        strays = [entry for entry in entries if not REGISTRY_ENTRY(entry)]
        if strays:
            log.error("entries in Redis are no jobs; they are dropped", key=key, entries=len(strays))
            redis.zrem(key, *strays)


def _kinds(queues: Iterable[str]) -> dict[str, str]:
    """What each key of ours holds, where it is there at all."""
    names = list(queues)
    return {
        JobList.redis_queues_keys: "set",
        REDIS_WORKER_KEYS: "set",
        **{WORKERS_BY_QUEUE_KEY % name: "set" for name in names},
        **{f"{JobList.redis_queue_namespace_prefix}{name}": "list" for name in names},
        **{f"{RQ_KEY_PREFIX}:{registry}:{name}": "zset" for registry in JOB_REGISTRIES for name in names},
    }
