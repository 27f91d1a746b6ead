"""Rate limits' counters in Redis, which all processes share."""

from __future__ import annotations

from limits.storage import RedisStorage

from mailroom.queue.connection import connect


class Counters(RedisStorage):
    """Whatever is raised while Redis is asked, also for nonsense in place of an answer, is a StorageError."""

    STORAGE_SCHEME: list[str] = []

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception


def counters(redis_url: str) -> Counters:
    """Raises limits' StorageError while Redis is of no use, when it is asked."""
    # The address only names the kind of storage; the pool knows the way and the timeouts.
    kind = "redis+unix:///" if redis_url.startswith("unix:") else "redis://"
    pool = connect(redis_url).connection_pool
    return Counters(kind, connection_pool=pool, key_prefix="mailroom", wrap_exceptions=True)
