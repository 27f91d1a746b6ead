"""The one-command local run (`make run`): starts and watches what is missing."""

from __future__ import annotations

import asyncio
import os

from mailroom import files
from mailroom.local import defaults, home, ports
from mailroom.local.run import PROJECT_ROOT, Run
from mailroom.settings import SettingsError, given, home_of, leave, load


def main() -> None:
    try:
        start()
    except SettingsError as error:
        leave(str(error))


def start() -> None:
    files.speak_utf8()
    files.keep_private()
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


if __name__ == "__main__":
    main()
