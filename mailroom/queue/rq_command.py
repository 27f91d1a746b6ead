"""The plain `rq worker` command, with the settings that every other command of ours reads."""

from __future__ import annotations

import os
import sys

from mailroom import settings


def point_rq_at_our_redis() -> None:
    """When it is RQ's own command that runs: give it our REDIS_URL.

    It connects before it makes its worker, knows neither REDIS_URL_FILE nor a local run's
    file, and would try localhost:6379. Its -u, RQ_REDIS_URL and -c still come first.
    """
    if "rq.cli" in sys.modules:
        os.environ["REDIS_URL"] = settings.load_or_exit().redis_url
        os.environ.pop("REDIS_URL_FILE", None)  # the settings are read again, and take only one of them
