"""Connections to Redis that never hold anybody for long."""

from __future__ import annotations

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.connections import get_connection_kwargs

CONNECT_TIMEOUT = 0.5
REDIS_REPLY_TIMEOUT = 1.0


def connect(redis: str | Redis, *, reply_timeout: float = REDIS_REPLY_TIMEOUT) -> Redis:
    """A client of its own for the Redis of that URL or client; opens nothing until it is used.

    No retries: redis-py's default ones hold a caller of a hung Redis for a minute.
    """
    if isinstance(redis, str):
        redis = Redis.from_url(redis)
    options = get_connection_kwargs(redis) | {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": reply_timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    pool = ConnectionPool(connection_class=redis.connection_pool.connection_class, **options)
    return Redis(connection_pool=pool)
