"""Settings from an environment, and from the file of a local run beside it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError

from mailroom import urls
from mailroom.settings.values import SettingsError
from mailroom.settings.variables import (
    EXPECTED_SETTINGS,
    FILED,
    HOME,
    REQUIRED,
    SETTINGS_FIELDS,
    Settings,
)

LOCAL_FILE = "local.env"
WHOLE_PATH = "write the whole path, from / on"
SPEAK_UTF8 = "set PYTHONUTF8=1 (or LC_ALL=C.UTF-8)"

T = TypeVar("T", bound=BaseModel)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that `environ`, and the file of a local run beside it, describe.

    The file gives way to the environment. Where the environment names another secret,
    database, queue or mail server, the file describes another system and is ignored.
    """
    _check_locale(str(urls.PROJECT_ROOT), environ.get("MAILROOM_HOME", ""))
    values = given(environ)
    home = home_of(environ)
    _check_locale(str(home))
    filed = read_local(home / LOCAL_FILE)
    if not any(name in values and values[name] != filed.get(name) for name in REQUIRED):
        values = filed | values
    for name in REQUIRED:
        if name not in values:
            raise SettingsError(
                f"{name} is not set: it must be {EXPECTED_SETTINGS[name]}; to try it out: make run"
            )
    if values["DATABASE_URL"].startswith("sqlite:"):
        _check_locale(unquote(values["DATABASE_URL"]))
    return checked(values | {"MAILROOM_HOME": str(home)}, Settings)


def given(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Mailroom's variables that `environ` sets, NAME_FILE read. An empty one counts as not set."""
    values = {name: environ[name].strip() for name in SETTINGS_FIELDS if environ.get(name, "").strip()}
    for name in FILED:
        path = environ.get(f"{name}_FILE")
        if path and name in values:
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one of them")
        if path:
            values[name] = _read_secret(f"{name}_FILE", path)
    return values


def of_a_client(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """What an application that uses our API was told by its environment; NAME_FILE is read as well."""
    path = environ.get(f"{name}_FILE")
    return environ.get(name) or (_read_secret(f"{name}_FILE", path) if path else None)


def home_of(environ: Mapping[str, str] = os.environ) -> Path:
    """MAILROOM_HOME, whole. Raises SettingsError."""
    text = str(environ.get("MAILROOM_HOME") or "").strip() or str(HOME)
    if len(text.splitlines()) > 1 or re.search("[\ud800-\udfff]", text):
        raise SettingsError(f"MAILROOM_HOME is not one line of UTF-8 text: rename it, or {SPEAK_UTF8}")
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, FileNotFoundError):  # nobody's ~, or we are in a folder that was removed
        raise SettingsError(f"MAILROOM_HOME ({text}) leads nowhere from here: {WHOLE_PATH}") from None


def _check_locale(*paths: str) -> None:
    """Names of files are UTF-8 to SQLite, Valkey and the file of a local run. Raises SettingsError."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not all(path.isascii() for path in paths):
        raise SettingsError(
            f"a path has letters that are not ASCII, and this locale reads them as {encoding}: {SPEAK_UTF8}"
        )


def read_local(path: Path) -> dict[str, str]:
    """The NAME=value lines of a local run's file; nothing when there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = _reason(error)
        raise SettingsError(f"{path} cannot be read ({reason}): remove it, or fix its rights") from None
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs if value}


def _read_secret(variable: str, path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} names {path}, which cannot be read: {_reason(error)}") from None
    if not secret:
        raise SettingsError(f"{variable} names {path}, which is empty")
    return secret


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "it is not UTF-8 text"


def checked(values: dict[str, str], model: type[T]) -> T:
    """Those values as that model. Raises SettingsError for the first that will not do."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # Of several the first one: with a bad port, the public URL that is made of it is bad as well.
        first = error.errors()[0]
        name, own = str(first["loc"][0]), first.get("ctx", {}).get("error")
        if isinstance(own, urls.BadUrl):
            raise SettingsError(f"{name} {own}") from None
        # A login may stand in what was meant to be a host's name or an address.
        hides = name in FILED or re.search("//|:[^@]*@", values[name])
        shown = "" if hides else f", not {values[name]!r}"
        raise SettingsError(f"{name} must be {EXPECTED_SETTINGS[name]}{shown}") from None
