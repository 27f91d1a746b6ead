"""Rate limits' counters in Redis, which all processes share."""

from __future__ import annotations

from limits.storage import RedisStorage

from mailroom.queue.connection import connect


def counters(redis_url: str) -> RedisStorage:
    """Raises limits' StorageError while Redis is away, when it is asked."""
    # The address only names the kind of storage; the pool knows the way and the timeouts.
    kind = "redis+unix:///" if redis_url.startswith("unix:") else "redis://"
    pool = connect(redis_url).connection_pool
    return RedisStorage(kind, connection_pool=pool, key_prefix="mailroom", wrap_exceptions=True)
