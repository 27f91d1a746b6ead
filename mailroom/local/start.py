"""From the environment to a local run: what it lacks is chosen, its folder locked, its ports taken."""

from __future__ import annotations

import asyncio
import os

from mailroom.local import defaults, home, ports
from mailroom.local.run import PROJECT_ROOT, Run
from mailroom.settings import SettingsError, given, home_of, leave, load


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
        if not ports.is_free(settings.port):
            port = settings.port
            raise SettingsError(f"PORT {port} is in use by another program; try PORT={port + 1}")
        home.write_local(folder, values | chosen.values)
        # What was chosen, the processes inherit. What was given, they have already.
        os.environ.update(chosen.values | {"MAILROOM_HOME": str(folder), "PYTHONUNBUFFERED": "1"})
        try:
            asyncio.run(Run(settings, chosen, lock).until_stopped())
        finally:
            chosen.close()
