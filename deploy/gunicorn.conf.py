"""gunicorn's configuration, in a local run as in production.

Overridden by GUNICORN_CMD_ARGS, e.g. GUNICORN_CMD_ARGS="--workers 4 --bind unix:web.sock".
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# The console script's folder is on sys.path, the checkout is not yet: gunicorn adds it later.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mailroom import files, log, memory
from mailroom.database.engine import Database
from mailroom.engine.accept.warm_up import warm_up
from mailroom.front.logger import FrontLogger
from mailroom.front.worker import Front
from mailroom.ledger import migrate
from mailroom.proxies import Proxies
from mailroom.settings import keep_within_home, load_or_exit
from mailroom.web.request.senders import largest_body

files.open_standard_streams()
files.speak_utf8()
files.keep_private()
memory.give_back_large()

# Here as well as in the app: one line from the master, not one from each worker for ever.
settings = load_or_exit()
log.configure(settings.log, settings.secrets)

bind = f"127.0.0.1:{settings.port}" if settings.local else f"0.0.0.0:{settings.port}"

# Two processes, so that reading a large upload in one does not hold up the pages of the
# other. Threads, because a request waits for the database's disk, not for the processor.
workers = 2
# A thread gets whole requests only: see mailroom/front.
worker_class = Front
logger_class = FrontLogger
threads = 8
keepalive = 75  # longer than a proxy's, so that the proxy is the one who closes

# Of a Unix socket: its peers are believed like a proxy, so only user and group may open it.
umask = 0o007

# No preload: a parent that holds database handles must not fork.
preload_app = False

# Heartbeats, and what is too large for memory, where all else lies: /tmp and /dev/shm may be read-only.
worker_tmp_dir = keep_within_home(settings)

timeout = 60  # an upload of 100,000 recipients takes two seconds; a minute is stuck
graceful_timeout = 6  # within the eight seconds that start.py waits

# What watches over a process is told how it stands, also while every thread waits for a database that hangs.
Front.with_own_thread = frozenset({"/healthz", "/readyz", "/metrics"})

accesslog = None  # the proxy before it writes one; errors are logged by the app
loglevel = "warning" if settings.local else "info"
control_socket_disable = True  # one in the home folder would be shared by all instances
proc_name = "mailroom"

# Whom a proxy asks for is found out in one place, mailroom/web/request/forwarded.py, by FORWARDED_ALLOW_IPS.
# gunicorn's own rules would refuse requests whose scheme headers differ, and believe any Unix socket
# about the path.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""


def on_starting(server: Any) -> None:
    """One line from the master; its workers say it on every page until it is mended."""
    if os.geteuid() != server.cfg.uid and settings.home in Path(worker_tmp_dir).parents:  # gunicorn's --user
        os.chown(worker_tmp_dir, server.cfg.uid, server.cfg.gid)
    database = Database(settings.database_url)
    with suppress(SQLAlchemyError):
        if why := migrate.misfit_of(database):
            print(f"mailroom: {why}", file=sys.stderr, flush=True)
    database.dispose()  # what forks holds no database


def post_worker_init(worker: Any) -> None:
    """Before the first request: a ledger that is away then is no reason not to start."""
    # A thread that writes to SQLite gives way at every statement. With Python's 5 ms it would hold
    # the ledger's lock for that long each time, until another thread lets it go on.
    sys.setswitchinterval(0.0005)
    # A hundred thousand recipients are no garbage. To look for some after every 700 objects would
    # take a quarter of the time that it takes to read them.
    gc.set_threshold(10_000)
    worker.largest_body = largest_body(worker.wsgi)
    worker.find_client = Proxies(settings.forwarded_allow_ips).client
    with suppress(DBAPIError):
        warm_up(worker.wsgi.extensions["mailroom"].database)
    # What is loaded by now stays: to look through it for garbage would halt all threads for 50 ms.
    gc.collect()
    gc.freeze()
