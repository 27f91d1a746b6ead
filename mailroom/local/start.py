"""Beginning of a local run: what its environment lacks is chosen, its folder locked, its ports taken."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing

from mailroom import log
from mailroom.local import defaults, home, ports
from mailroom.local.run import Run
from mailroom.settings import SettingsError, given, home_of, leave, load
from mailroom.urls import PROJECT_ROOT


def start_or_exit() -> None:
    try:
        start()
    except SettingsError as error:
        leave(str(error))


def start() -> None:
    folder = home_of()
    values = given()
    home.make(folder)
    os.chdir(PROJECT_ROOT)
    with home.locked(folder) as lock:
        chosen = defaults.choose(folder, values)
        settings = load(values | chosen.values | {"MAILROOM_HOME": str(folder)})
        log.configure(settings.log, settings.secrets)
        with closing(chosen), _listening(settings.port) as web:
            home.write_local(folder, values | chosen.values)
            # What was chosen, the processes inherit. What was given, they have already.
            os.environ.update(chosen.values | {"MAILROOM_HOME": str(folder), "PYTHONUNBUFFERED": "1"})
            asyncio.run(Run(settings, chosen, lock, web).until_stopped())


def _listening(port: int) -> socket.socket:
    """The web's, held from now on: a second run that wants the same is told at once. Raises SettingsError."""
    try:
        return ports.listen(port)
    except PermissionError:
        raise SettingsError(f"PORT {port} is for the system's administrator; try PORT=8000") from None
    except OSError:
        raise SettingsError(f"PORT {port} is in use by another program; try PORT={port + 1}") from None
