"""A working default for every setting that a local run was not given."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailroom.database.engine import url_of_file
from mailroom.local import ports, valkey
from mailroom.settings import LOCAL_FILE, read_local

CATCHER_PORT = 1025
SUBMISSION_PORT = 2525
DEFAULT_SENDER = "Mailroom <mailroom@example.org>"


@dataclass
class Defaults:
    """The values, and what has to be started to make them true."""

    values: dict[str, str] = field(default_factory=dict)
    valkey_config: Path | None = None
    catcher: socket.socket | None = None
    slow_catcher: socket.socket | None = None
    submission: socket.socket | None = None

    def close(self) -> None:
        for listener in (self.catcher, self.slow_catcher, self.submission):
            if listener is not None:
                listener.close()


def choose(home: Path, given: Mapping[str, str]) -> Defaults:
    """Defaults for what `given` lacks. Their ports are already listening: nobody else can choose them."""
    chosen = Defaults({"MAILROOM_LOCAL": "1"})
    values = chosen.values
    if "SECRET_KEY" not in given:
        values["SECRET_KEY"] = read_local(home / LOCAL_FILE).get("SECRET_KEY") or secrets.token_urlsafe(48)
    if "DATABASE_URL" not in given:
        values["DATABASE_URL"] = url_of_file(home / "mailroom.db")
    if "REDIS_URL" not in given:
        port, password = ports.free_port(), secrets.token_urlsafe(24)
        chosen.valkey_config = valkey.write_config(home / "valkey", port, password)
        values["REDIS_URL"] = valkey.url(port, password)
    if "MAIL_SERVER" not in given:
        _choose_catchers(chosen)
    if "MAIL_DEFAULT_SENDER" not in given:
        values["MAIL_DEFAULT_SENDER"] = DEFAULT_SENDER
    if "MAILROOM_SUBMISSION_PORT" not in given:
        host = ports.EVERY_HOST if "MAILROOM_SUBMISSION_CERT" in given else ports.LOOPBACK_HOST
        chosen.submission = ports.listen_from(SUBMISSION_PORT, host)
        values["MAILROOM_SUBMISSION_PORT"] = str(ports.number(chosen.submission))
    return chosen


def _choose_catchers(chosen: Defaults) -> None:
    chosen.catcher = ports.listen_from(CATCHER_PORT)
    chosen.slow_catcher = ports.listen_from(ports.number(chosen.catcher) + 1)
    chosen.values |= {
        "MAIL_SERVER": ports.LOOPBACK_HOST,
        "MAIL_PORT": str(ports.number(chosen.catcher)),
        "MAILROOM_SLOW_SERVER": f"{ports.LOOPBACK_HOST}:{ports.number(chosen.slow_catcher)}",
        # The catcher speaks neither TLS nor AUTH: what the environment says of another
        # server is not meant for it. Empty counts as not set.
        "MAIL_USE_TLS": "false",
        "MAIL_USE_SSL": "false",
        "MAIL_USERNAME": "",
        "MAIL_PASSWORD": "",
    }
