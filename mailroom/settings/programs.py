"""Programs of ours start with their settings, or end with one line that says what is wrong."""

from __future__ import annotations

import difflib
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from mailroom import files
from mailroom.settings.reading import load
from mailroom.settings.values import SettingsError
from mailroom.settings.variables import FILED, OF_MAILROOM, SETTINGS_FIELDS, Settings

NAME_A_FOLDER = "name a folder of Mailroom's own user"


KNOWN_TO_OTHERS = {
    *("MAIL", "MAILCHECK", "MAILPATH", "MAILTO", "MAILRC", "MAILDIR"),  # shells, cron and mail programs
    *("MAIL_DEBUG", "MAIL_MAX_EMAILS", "MAIL_SUPPRESS_SEND", "MAIL_ASCII_ATTACHMENTS"),  # Flask-Mail
    *(
        f"{OF_MAILROOM}{name}{file}"  # our clients
        for name in ("API_URL", "API_KEY", "DATABASE_URL", "REDIS_URL")
        for file in ("", "_FILE")
    ),
}
"""Variables that somebody else reads."""


def load_or_exit(environ: Mapping[str, str] = os.environ) -> Settings:
    """load(), for programs: a bad value is one line on stderr and exit code 2."""
    try:
        _check_packages(environ)
        settings = load(environ)
    except SettingsError as error:
        leave(str(error))
    for sentence in misspelt(environ):
        print(f"mailroom: {sentence}", file=sys.stderr)
    return settings


def _check_packages(environ: Mapping[str, str]) -> None:
    """Raises SettingsError for what PYTHONPATH has in place of the pinned packages."""
    pinned = Path(sysconfig.get_path("purelib"))
    if sys.prefix == sys.base_prefix or sys.flags.ignore_environment:
        return
    for folder in filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)):
        foreign = Path(folder).absolute()
        for name, module in list(sys.modules.items()):
            file = Path(getattr(module, "__file__", None) or "/")
            is_pinned = (pinned / name).is_dir() or (pinned / f"{name}.py").is_file()
            if is_pinned and foreign in file.parents and pinned not in file.parents:
                raise SettingsError(f"PYTHONPATH ({folder}) hides {name} of {sys.prefix}: start without it")


def keep_within_home(settings: Settings) -> str:
    """For programs: temporary files, of whatever library, are made in MAILROOM_HOME. Returns their folder."""
    try:
        return str(files.keep_temporary_in(settings.home / "tmp"))
    except OSError as error:
        leave(
            f"MAILROOM_HOME ({settings.home}) cannot be written ({error.strerror}), nor has the system a "
            f"place for temporary files: {NAME_A_FOLDER}"
        )


def misspelt(environ: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence for each variable that looks like one of ours, and is none."""
    known = {*SETTINGS_FIELDS, *(f"{name}_FILE" for name in FILED), *KNOWN_TO_OTHERS}
    unknown = sorted(name for name in environ if name.startswith("MAIL") and name not in known)
    return [f"{name} is no setting of Mailroom and says nothing{_nearest(name)}" for name in unknown]


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, SETTINGS_FIELDS, 1, 0.75)
    return f": did you mean {near[0]}?" if near else ""


def leave(message: str) -> NoReturn:
    """End the program for a reason that one line tells."""
    print(f"mailroom: {message}", file=sys.stderr)
    sys.exit(2)


def without_colours(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the person at the terminal wants none (no-color.org)."""
    return bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
