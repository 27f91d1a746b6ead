"""The environment, read once: typed, loud, and with no insecure default.

SettingsError    str() is one line: the variable, what is wrong, what to do
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from mailroom.proxies import LOOPBACK, Proxies

LOCAL_FILE = "local.env"
REQUIRED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_SERVER")
FILED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_USERNAME", "MAIL_PASSWORD")
"""May come as NAME_FILE, and are never shown in a message."""

Port = Annotated[int, Field(ge=1, le=65535)]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def span(text: str | timedelta) -> timedelta:
    """`90s`, `5m`, `4h`, `2d`; no other spelling, though pydantic knows some."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    if found is None:
        raise ValueError("not a span of time")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


Span = Annotated[timedelta, BeforeValidator(span)]
Spans = Annotated[
    tuple[Span, ...],
    BeforeValidator(lambda text: text.split(",") if isinstance(text, str) else text),
    Field(min_length=1, max_length=50),
]


Hosts = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[\w.:-]+$")], ...],
    BeforeValidator(
        lambda text: (
            tuple(host.strip().lower() for host in text.split(",")) if isinstance(text, str) else text
        )
    ),
]


def _addresses(names: tuple[str, ...]) -> tuple[str, ...]:
    Proxies(names)
    return names


Addresses = Annotated[
    tuple[Annotated[str, StringConstraints(strip_whitespace=True)], ...],
    BeforeValidator(lambda text: text.split(",") if isinstance(text, str) else text),
    AfterValidator(_addresses),
]


class SettingsError(Exception):
    """The environment does not describe a system that can run."""


class Settings(BaseModel):
    """What the environment says. Field names are the variables', lower case, without MAILROOM_."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    port: Port = 8000
    secret_key: Annotated[str, StringConstraints(min_length=8), Field(repr=False)]
    database_url: Annotated[str, Field(pattern=r"^(sqlite:///[^:]|postgres(ql)?(\+psycopg)?://)", repr=False)]
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)]
    mail_server: str
    mail_port: Port = 25
    mail_use_tls: bool = False
    mail_use_ssl: bool = False
    mail_username: str | None = None
    mail_password: str | None = Field(default=None, repr=False)
    mail_default_sender: Annotated[str, Field(pattern=r"^[^\r\n]*$")] | None = None
    mail_timeout: Annotated[float, Field(gt=0, le=3600)] = 60
    home: Path
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    connections: Annotated[int, Field(ge=1, le=500)] = 5
    rate: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour)$")] | None = None
    backoff: Spans = tuple(timedelta(minutes=wait) for wait in (1, 5, 15, 60, 240))
    expires: Span = timedelta(hours=48)
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")]
    forwarded_allow_ips: Addresses = LOOPBACK
    local: bool = False
    slow_server: Annotated[str, Field(pattern=r"^\S+:[0-9]{1,5}$")] | None = None
    submission_port: Port = 2525
    submission_cert: Path | None = None
    submission_key: Path | None = None
    webhook_hosts: Hosts = ()
    fetch_attachments: bool = False


VARIABLES = {
    "port": "PORT",
    "secret_key": "SECRET_KEY",
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "mail_server": "MAIL_SERVER",
    "mail_port": "MAIL_PORT",
    "mail_use_tls": "MAIL_USE_TLS",
    "mail_use_ssl": "MAIL_USE_SSL",
    "mail_username": "MAIL_USERNAME",
    "mail_password": "MAIL_PASSWORD",
    "mail_default_sender": "MAIL_DEFAULT_SENDER",
    "mail_timeout": "MAILROOM_TIMEOUT",
    "home": "MAILROOM_HOME",
    "workers": "MAILROOM_WORKERS",
    "connections": "MAILROOM_CONNECTIONS",
    "rate": "MAILROOM_RATE",
    "backoff": "MAILROOM_BACKOFF",
    "expires": "MAILROOM_EXPIRES",
    "public_url": "MAILROOM_PUBLIC_URL",
    "forwarded_allow_ips": "FORWARDED_ALLOW_IPS",
    "local": "MAILROOM_LOCAL",
    "slow_server": "MAILROOM_SLOW_SERVER",
    "submission_port": "MAILROOM_SUBMISSION_PORT",
    "submission_cert": "MAILROOM_SUBMISSION_CERT",
    "submission_key": "MAILROOM_SUBMISSION_KEY",
    "webhook_hosts": "MAILROOM_WEBHOOK_HOSTS",
    "fetch_attachments": "MAILROOM_FETCH_ATTACHMENTS",
}

EXPECTED = {
    "PORT": "a whole number from 1 to 65535",
    "SECRET_KEY": "at least 8 random characters (make some: openssl rand -base64 36)",
    "DATABASE_URL": "like sqlite:////srv/mailroom/mailroom.db or postgresql://user:password@host/mailroom",
    "REDIS_URL": "like redis://:password@host:6379/0, rediss://... or unix:///path/to/socket",
    "MAIL_SERVER": "a host's name or address, like smtp.example.org (its port goes into MAIL_PORT)",
    "MAIL_PORT": "a whole number from 1 to 65535",
    "MAIL_USE_TLS": "true or false",
    "MAIL_USE_SSL": "true or false",
    "MAIL_DEFAULT_SENDER": "one address on one line, like Ann Lee <ann@example.org>",
    "MAILROOM_TIMEOUT": "seconds, more than 0 and at most 3600",
    "MAILROOM_WORKERS": "a whole number from 1 to 256",
    "MAILROOM_CONNECTIONS": "a whole number from 1 to 500",
    "MAILROOM_RATE": "like 30/minute (second, minute or hour)",
    "MAILROOM_BACKOFF": "like 1m,5m,15m,1h,4h: the waits between tries (s, m, h or d), the last one repeated",
    "MAILROOM_EXPIRES": "like 48h (s, m, h or d)",
    "MAILROOM_PUBLIC_URL": "like https://mail.example.org, without a path",
    "FORWARDED_ALLOW_IPS": "addresses and networks of proxies, like 127.0.0.1,10.0.0.0/8, or *",
    "MAILROOM_LOCAL": "true or false",
    "MAILROOM_SLOW_SERVER": "like 127.0.0.1:1026",
    "MAILROOM_SUBMISSION_PORT": "a whole number from 1 to 65535",
    "MAILROOM_SUBMISSION_CERT": "the path of a certificate chain (PEM)",
    "MAILROOM_SUBMISSION_KEY": "the path of the certificate's private key (PEM)",
    "MAILROOM_WEBHOOK_HOSTS": "hosts separated by commas, like hooks.internal,10.0.0.7",
    "MAILROOM_FETCH_ATTACHMENTS": "true or false",
}


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that `environ`, and the file of a local run beside it, describe.

    The file gives way to the environment. Where the environment names another secret,
    database, queue or mail server, the file describes another system and is ignored.
    """
    values = given(environ)
    home = home_of(environ)
    filed = read_local(home / LOCAL_FILE)
    if not any(name in values and values[name] != filed.get(name) for name in REQUIRED):
        values = filed | values
    for name in REQUIRED:
        if name not in values:
            raise SettingsError(f"{name} is not set: it must be {EXPECTED[name]}; to try it out: make run")
    return _checked(values | {"MAILROOM_HOME": str(home)})


def load_or_exit(environ: Mapping[str, str] = os.environ) -> Settings:
    """load(), for programs: a bad value is one line on stderr and exit code 2."""
    try:
        return load(environ)
    except SettingsError as error:
        leave(str(error))


def leave(message: str) -> NoReturn:
    """End the program for a reason that one line tells."""
    print(f"mailroom: {message}", file=sys.stderr)
    sys.exit(2)


def given(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Mailroom's variables that `environ` sets, NAME_FILE read. An empty one counts as not set."""
    values = {name: environ[name].strip() for name in VARIABLES.values() if environ.get(name, "").strip()}
    for name in FILED:
        path = environ.get(f"{name}_FILE")
        if path and name in values:
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one of them")
        if path:
            values[name] = _read_secret(f"{name}_FILE", path)
    return values


def ledger_urls(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """DATABASE_URL and REDIS_URL, for a program that only submits: of its own configuration,
    the environment, or the file of a local run."""
    values = given({**environ, **config})
    if "DATABASE_URL" not in values and "REDIS_URL" not in values:
        values = read_local(home_of({**environ, **config}) / LOCAL_FILE)
    for name in ("DATABASE_URL", "REDIS_URL"):
        if name not in values:
            raise SettingsError(f"{name} is not set: it must be {EXPECTED[name]}")
    return values["DATABASE_URL"], values["REDIS_URL"]


def of_a_client(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """What an application that uses our API was told by its environment; NAME_FILE is read as well."""
    path = environ.get(f"{name}_FILE")
    return environ.get(name) or (_read_secret(f"{name}_FILE", path) if path else None)


def without_colours(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the person at the terminal wants none (no-color.org)."""
    return bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"


def home_of(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("MAILROOM_HOME") or "instance").expanduser().absolute()


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


def _checked(values: dict[str, str]) -> Settings:
    fields: dict[str, Any] = {field: values[name] for field, name in VARIABLES.items() if name in values}
    if "public_url" in fields:
        fields["public_url"] = fields["public_url"].rstrip("/")
    else:
        fields["public_url"] = f"http://127.0.0.1:{fields.get('port', 8000)}"
    try:
        settings = Settings(**fields)
    except ValidationError as error:
        # The port first: with a bad one, the public URL made of it is bad as well.
        wrong = sorted((str(e["loc"][0]) for e in error.errors()), key=list(VARIABLES).index)
        raise _wrong(VARIABLES[wrong[0]], values) from None
    _check_mail(settings, values)
    if settings.slow_server and not 0 < int(settings.slow_server.rpartition(":")[2]) <= 65535:
        raise _wrong("MAILROOM_SLOW_SERVER", values)
    if (settings.submission_cert is None) != (settings.submission_key is None):
        raise SettingsError(
            "MAILROOM_SUBMISSION_CERT and MAILROOM_SUBMISSION_KEY belong together: set both or neither"
        )
    try:
        urlsplit(settings.public_url).port  # noqa: B018 - raises for a port that is none
    except ValueError:
        raise _wrong("MAILROOM_PUBLIC_URL", values) from None
    return settings


def _check_mail(settings: Settings, values: dict[str, str]) -> None:
    if not _is_host(settings.mail_server):
        raise _wrong("MAIL_SERVER", values)
    if settings.mail_use_tls and settings.mail_use_ssl:
        raise SettingsError(
            "MAIL_USE_TLS and MAIL_USE_SSL are both on: keep MAIL_USE_TLS for STARTTLS (port 587), "
            "or MAIL_USE_SSL for TLS from the start (port 465)"
        )
    if bool(settings.mail_username) != bool(settings.mail_password):
        missing, present = ("PASSWORD", "USERNAME") if settings.mail_username else ("USERNAME", "PASSWORD")
        raise SettingsError(f"MAIL_{missing} is not set, but MAIL_{present} is: set both or neither")


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return re.fullmatch(r"[\w.-]+", text) is not None
    return True


def _wrong(name: str, values: dict[str, str]) -> SettingsError:
    shown = "" if name in FILED else f", not {values.get(name, '')!r}"
    return SettingsError(f"{name} must be {EXPECTED[name]}{shown}")
