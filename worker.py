"""The RQ workers: python worker.py [--workers N] [--burst] [QUEUE...]"""

from __future__ import annotations

import argparse
import sys

from mailroom import __version__, files, log, memory
from mailroom.ledger import migrate
from mailroom.queue import BULK, URGENT, Pool, Queue
from mailroom.settings import keep_within_home, load_or_exit


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="worker.py", description="Deliver what is queued.")
    parser.add_argument("--workers", type=_count, metavar="N", help="processes (default: MAILROOM_WORKERS)")
    parser.add_argument("--burst", action="store_true", help="end when the queues are empty")
    parser.add_argument("--version", action="version", version=f"Mailroom {__version__}")
    parser.add_argument("queues", nargs="*", metavar="QUEUE", help=f"default: {URGENT} {BULK}")
    options = parser.parse_args(arguments)
    files.open_standard_streams()
    files.speak_utf8()
    files.keep_private()
    memory.give_back_large()
    settings = load_or_exit()
    log.configure(settings.log, settings.secrets)
    keep_within_home(settings)
    migrate.leave_if_misfit(settings.database_url)
    import jobs.deliver  # noqa: F401  before the fork, so that all workers share what it loads
    from mailroom.engine import worker_process

    queue = Queue(settings.redis_url)
    worker_process.leave_if_not_alone(queue)
    queue.close()
    worker_process.compose_statements()
    pool = Pool(options.queues or [URGENT, BULK], settings.redis_url, options.workers or settings.workers)
    return 0 if pool.start(burst=options.burst) else 1


def _count(text: str) -> int:
    if not 1 <= int(text) <= 256:
        raise ValueError
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
