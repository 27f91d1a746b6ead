"""The environment, read once: typed, loud, and with no insecure default.

SettingsError    str() is one line: the variable, what is wrong, what to do
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from mailroom import files, urls
from mailroom.proxies import LOOPBACK, Proxies

LOCAL_FILE = "local.env"
OF_MAILROOM = "MAILROOM_"
"""Begins the names of what is Mailroom's in somebody else's process."""

LEDGER_NAMES = ("DATABASE_URL", "REDIS_URL")

T = TypeVar("T", bound=BaseModel)

HOME = Path("instance")

NAME_A_FOLDER = "name a folder of Mailroom's own user"
WHOLE_PATH = "write the whole path, from / on"
SPEAK_UTF8 = "set PYTHONUTF8=1 (or LC_ALL=C.UTF-8)"


class SettingsError(Exception):
    """The environment does not describe a system that can run."""


def span(text: str) -> timedelta:
    """`90s`, `5m`, `4h`, `2d`; no other spelling, though pydantic knows some."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    if found is None:
        raise ValueError("not a span of time")
    return timedelta(seconds=int(found[1]) * SETTING_TIME_UNITS[found[2]])


def _host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if re.fullmatch(r"[\w.-]+", text) is None:
            raise
    return text


def _greeting(text: str | None) -> str | None:
    """What may stand in EHLO. Raises ValueError."""
    if text is None:
        return None
    if text.startswith("[") and text.endswith("]"):
        ip_address(text[1:-1].removeprefix("IPv6:"))
    elif re.fullmatch(r"(?=.{1,253}\Z)[A-Za-z0-9_-]+(\.[A-Za-z0-9-]+)+", text) is None:
        raise ValueError("not a full name")
    return text


def _with_a_port(text: str) -> str:
    """Raises ValueError, as urlsplit does when it is asked for a port that is none."""
    if urlsplit(text if "//" in text else f"//{text}").port == 0:
        raise ValueError("not a port")
    return text


def _proxies(names: tuple[str, ...]) -> tuple[str, ...]:
    """Raises ValueError, as Proxies does."""
    Proxies(names)
    return names


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
PRIVATE_DOMAIN = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}").fullmatch


def _private_domain(text: str) -> str:
    if PRIVATE_DOMAIN(text.lower()) is None:
        raise ValueError("not a domain")
    return text.lower()


GUESSED_FIRST = re.compile(
    r"(change|replace)[ _-]?(me|this|it).*"
    r"|((my|the|a|your|some|super|very|dev|test|flask|top)[ _-]*)*secret[ _-]*(key|password|word)?[0-9!]*"
    r"|(pass(word)?|admin|mailroom|default|example|insecure|qwerty\w*)[0-9!._-]*"
    r"|(0?123456789?0?)+|(?P<few>.{1,3})(?P=few)*",
    re.IGNORECASE,
).fullmatch
"""What a stranger tries first: words of examples, and a few characters over and over."""


def _mailbox(url: str) -> str:
    """What MailboxPlace reads. A password has a variable of its own, which may come as a file."""
    parts = urlsplit(url)
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username or parts.port == 0:
        raise ValueError("no mailbox")
    if parts.password is not None or parts.query or parts.fragment:
        raise ValueError("more than a mailbox")
    return url


def _place(text: str) -> str:
    """A Unix socket, or a host and its port."""
    if text.startswith("/"):
        return text
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):[0-9]{1,5}", text):
        raise ValueError("neither a path nor a host and port")
    return _with_a_port(text)


def _with_room_for_a_token(address: str) -> str:
    """A local part has at most 64 characters."""
    if len(address.partition("@")[0]) > 30:
        raise ValueError("a local part without room for a token")
    return address


def _unguessable(secret: str) -> str:
    if GUESSED_FIRST(secret):
        raise ValueError("a secret that is none")
    return secret


SETTING_TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
A_PORT = "a whole number from 1 to 65535"
YES_OR_NO = "true or false"
PERCENTAGE = "a percentage from 0 (never) to 100, like 0.3"

Port = Annotated[int, Field(ge=1, le=65535)]
Span = Annotated[timedelta, BeforeValidator(span)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(_parts), Field(min_length=1, max_length=50)]
Hosts = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[\w.:-]+$", to_lower=True)], ...],
    BeforeValidator(_parts),
]
PrivateDomains = Annotated[
    tuple[Annotated[str, AfterValidator(_private_domain)], ...], BeforeValidator(_parts)
]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_parts), AfterValidator(_proxies)]
Origin = Annotated[
    str,
    BeforeValidator(lambda text: text.rstrip("/")),
    Field(pattern=r"^https?://[^/?#\s]+$"),
    AfterValidator(_with_a_port),
]


DatabaseUrl = Annotated[
    str,
    Field(
        alias="DATABASE_URL",
        description="like sqlite:////srv/mailroom/mailroom.db or postgresql://user:password@host/mailroom",
        pattern=r"^(sqlite:///[^:]|postgres(ql)?(\+psycopg)?://)",
        repr=False,
    ),
    AfterValidator(urls.check),
]
RedisUrl = Annotated[
    str,
    Field(
        alias="REDIS_URL",
        description="like redis://:password@host:6379/0, rediss://... or unix:///path/to/socket",
        pattern=r"^(rediss?|unix)://",
        repr=False,
    ),
    AfterValidator(urls.check),
]


class LedgerUrls(BaseModel):
    """Where the ledger and its queue are, for a program that only submits."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    database_url: DatabaseUrl
    redis_url: RedisUrl


class Settings(BaseModel):
    """What the environment says: of each variable its name, what it takes, in words too, and its default.

    `repr=False` marks a secret: it may come as NAME_FILE, and is never shown in a message.
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    port: Annotated[Port, Field(alias="PORT", description=A_PORT)] = 8000
    secret_key: Annotated[
        str,
        Field(
            alias="SECRET_KEY",
            description="at least 8 random characters (make some: openssl rand -base64 36)",
            min_length=8,
            repr=False,
        ),
        AfterValidator(_unguessable),
    ]
    database_url: DatabaseUrl
    redis_url: RedisUrl
    mail_server: Annotated[
        str,
        Field(
            alias="MAIL_SERVER",
            description="a host's name or address, like smtp.example.org (its port goes into MAIL_PORT)",
        ),
        AfterValidator(_host),
    ]
    mail_port: Annotated[Port, Field(alias="MAIL_PORT", description=A_PORT)] = 25
    mail_use_tls: Annotated[bool, Field(alias="MAIL_USE_TLS", description=YES_OR_NO)] = False
    mail_use_ssl: Annotated[bool, Field(alias="MAIL_USE_SSL", description=YES_OR_NO)] = False
    mail_username: Annotated[
        str | None, Field(alias="MAIL_USERNAME", description="the mail server's login", repr=False)
    ] = None
    mail_password: Annotated[
        str | None, Field(alias="MAIL_PASSWORD", description="the mail server's password", repr=False)
    ] = None
    mail_default_sender: Annotated[
        str | None,
        Field(
            alias="MAIL_DEFAULT_SENDER",
            description="one address on one line, like Ann Lee <ann@example.org>",
            pattern=r'^([^\r\n]*<("[^\r\n<>]+"|[^\s<>@]+)@[^\s<>@]+>|("[^\r\n<>]+"|[^\s<>@]+)@[^\s<>@]+)$',
        ),
    ] = None
    mail_max_emails: Annotated[
        int | None,
        Field(alias="MAIL_MAX_EMAILS", description="a whole number from 1 to 1000000", ge=1, le=1_000_000),
    ] = None
    helo: Annotated[
        str | None,
        Field(
            alias="MAILROOM_HELO",
            description="a full name like mailroom.example.org, or an address like [192.0.2.1]",
        ),
        AfterValidator(_greeting),
    ] = None
    mail_timeout: Annotated[
        float,
        Field(alias="MAILROOM_TIMEOUT", description="seconds, more than 0 and at most 3600", gt=0, le=3600),
    ] = 60
    home: Annotated[Path, Field(alias="MAILROOM_HOME", description="the path of a folder")] = HOME
    workers: Annotated[
        int, Field(alias="MAILROOM_WORKERS", description="a whole number from 1 to 256", ge=1, le=256)
    ] = 2
    connections: Annotated[
        int, Field(alias="MAILROOM_CONNECTIONS", description="a whole number from 1 to 500", ge=1, le=500)
    ] = 5
    rate: Annotated[
        str | None,
        Field(
            alias="MAILROOM_RATE",
            description="like 30/minute (second, minute, hour or day)",
            pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$",
        ),
    ] = None
    backoff: Annotated[
        Spans,
        Field(
            alias="MAILROOM_BACKOFF",
            description="like 1m,5m,15m,1h,4h: the waits between tries (s, m, h or d), the last one repeated",
        ),
    ] = tuple(timedelta(minutes=wait) for wait in (1, 5, 15, 60, 240))
    expires: Annotated[Span, Field(alias="MAILROOM_EXPIRES", description="like 48h (s, m, h or d)")] = (
        timedelta(hours=48)
    )
    evidence_wait: Annotated[
        Span, Field(alias="MAILROOM_EVIDENCE_WAIT", description="like 15m (s, m, h or d)")
    ] = timedelta(minutes=15)
    public_url: Annotated[
        Origin,
        Field(
            alias="MAILROOM_PUBLIC_URL",
            description="like https://mail.example.org, without a path",
            default_factory=lambda before: f"http://127.0.0.1:{before['port']}",
        ),
    ]
    unsubscribe_url: Annotated[
        Origin | None,
        Field(
            alias="MAILROOM_UNSUBSCRIBE_URL",
            description="like https://news.example.org, without a path: where unsubscribe links lead",
        ),
    ] = None
    bounce_address: Annotated[
        Annotated[str, AfterValidator(_with_room_for_a_token)] | None,
        Field(
            alias="MAILROOM_BOUNCE_ADDRESS",
            description="one address, like bounces@example.org, with at most 30 characters before the @ and "
            "no +, whose mail is read",
            pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$",
            max_length=200,
        ),
    ] = None
    suppress_after: Annotated[
        int,
        Field(
            alias="MAILROOM_SUPPRESS_AFTER",
            description="a whole number from 1 to 100: bounces after which an address is suppressed",
            ge=1,
            le=100,
        ),
    ] = 3
    bounces_pause_at: Annotated[
        float,
        Field(alias="MAILROOM_BOUNCES_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False),
    ] = 10
    complaints_pause_at: Annotated[
        float,
        Field(
            alias="MAILROOM_COMPLAINTS_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False
        ),
    ] = 0.3
    failures_pause_at: Annotated[
        float,
        Field(alias="MAILROOM_FAILURES_PAUSE_AT", description=PERCENTAGE, ge=0, le=100, allow_inf_nan=False),
    ] = 30
    largest_list: Annotated[
        int,
        Field(
            alias="MAILROOM_LARGEST_LIST",
            description="megabytes, a whole number from 1 to 1000",
            ge=1,
            le=1_000,
        ),
    ] = 256
    forwarded_allow_ips: Annotated[
        Addresses,
        Field(
            alias="FORWARDED_ALLOW_IPS",
            description="addresses and networks of proxies, like 127.0.0.1,10.0.0.0/8, or *",
        ),
    ] = LOOPBACK
    local: Annotated[bool, Field(alias="MAILROOM_LOCAL", description=YES_OR_NO)] = False
    database_connections: Annotated[
        int,
        Field(
            alias="MAILROOM_DATABASE_CONNECTIONS", description="a whole number from 2 to 100", ge=2, le=100
        ),
    ] = 16
    slow_server: Annotated[
        Annotated[str, Field(pattern=r"^\S+:[0-9]{1,5}$"), AfterValidator(_with_a_port)] | None,
        Field(alias="MAILROOM_SLOW_SERVER", description="like 127.0.0.1:1026"),
    ] = None
    submission_port: Annotated[Port, Field(alias="MAILROOM_SUBMISSION_PORT", description=A_PORT)] = 2525
    submission_cert: Annotated[
        Path | None,
        Field(alias="MAILROOM_SUBMISSION_CERT", description="the path of a certificate chain (PEM)"),
    ] = None
    submission_key: Annotated[
        Path | None,
        Field(alias="MAILROOM_SUBMISSION_KEY", description="the path of the certificate's private key (PEM)"),
    ] = None
    lmtp: Annotated[
        Annotated[str, AfterValidator(_place)] | None,
        Field(
            alias="MAILROOM_LMTP",
            description="a path like /run/mailroom/lmtp.sock, or a host and port like 127.0.0.1:2424",
        ),
    ] = None
    bounce_mailbox: Annotated[
        Annotated[str, AfterValidator(_mailbox)] | None,
        Field(
            alias="MAILROOM_BOUNCE_MAILBOX",
            description="like imaps://bounces%40example.org@imap.example.org/INBOX, without a password",
        ),
    ] = None
    bounce_password: Annotated[
        str | None,
        Field(alias="MAILROOM_BOUNCE_PASSWORD", description="the mailbox's password", repr=False),
    ] = None
    bounce_token_command: Annotated[
        str | None,
        Field(
            alias="MAILROOM_BOUNCE_TOKEN_COMMAND", description="a command that prints an OAuth2 access token"
        ),
    ] = None
    bounce_taken: Annotated[
        str,
        Field(
            alias="MAILROOM_BOUNCE_TAKEN",
            description="seen, delete, or move:FOLDER",
            pattern=r"^(seen|delete|move:[^\x00-\x1f]{1,200})$",
        ),
    ] = "seen"
    webhook_hosts: Annotated[
        Hosts,
        Field(
            alias="MAILROOM_WEBHOOK_HOSTS",
            description="hosts separated by commas, like hooks.internal,10.0.0.7",
        ),
    ] = ()
    private_domains: Annotated[
        PrivateDomains,
        Field(
            alias="MAILROOM_PRIVATE_DOMAINS",
            description="domains separated by commas, like localhost,corp,home.arpa,*.local",
        ),
    ] = ()
    resolver: Annotated[
        str | None,
        Field(
            alias="MAILROOM_RESOLVER",
            description="a name server's address, like 192.0.2.53 or 192.0.2.53:5353, or none",
            pattern=r"^(none|[0-9.]{7,15}(:[0-9]{1,5})?|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?)$",
        ),
    ] = None
    log: Annotated[Literal["text", "json"], Field(alias="MAILROOM_LOG", description="text or json")] = "text"
    hold: Annotated[bool, Field(alias="MAILROOM_HOLD", description=YES_OR_NO)] = False
    fetch_attachments: Annotated[bool, Field(alias="MAILROOM_FETCH_ATTACHMENTS", description=YES_OR_NO)] = (
        False
    )

    @property
    def secrets(self) -> set[str]:
        """What must be in no line of a log."""
        # A login that is a plain word would be blotted out of sentences that only use that word.
        login = None if (self.mail_username or "").isalpha() else self.mail_username
        handed_in = f"\0{self.mail_username}\0{self.mail_password}"  # in base64, of AUTH PLAIN
        own = {self.secret_key, login, self.mail_password, handed_in if self.mail_password else None}
        own = (own | {self.bounce_password}) - {None}
        return (
            {secret for secret in own if secret}
            | urls.secrets_of(self.database_url)
            | urls.secrets_of(self.redis_url)
        )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        """Raises SettingsError, which pydantic lets through, in its own words."""
        if self.mail_use_tls and self.mail_use_ssl:
            raise SettingsError(
                "MAIL_USE_TLS and MAIL_USE_SSL are both on: keep MAIL_USE_TLS for STARTTLS (port 587), "
                "or MAIL_USE_SSL for TLS from the start (port 465)"
            )
        if bool(self.mail_username) != bool(self.mail_password):
            missing, present = ("PASSWORD", "USERNAME") if self.mail_username else ("USERNAME", "PASSWORD")
            raise SettingsError(f"MAIL_{missing} is not set, but MAIL_{present} is: set both or neither")
        if self.bounce_mailbox and bool(self.bounce_password) == bool(self.bounce_token_command):
            raise SettingsError(
                "MAILROOM_BOUNCE_MAILBOX needs MAILROOM_BOUNCE_PASSWORD or MAILROOM_BOUNCE_TOKEN_COMMAND: "
                "set one of them"
            )
        if self.lmtp and not self.bounce_address:
            raise SettingsError(
                "MAILROOM_LMTP is set, but MAILROOM_BOUNCE_ADDRESS is not: only mail to that is taken by LMTP"
            )
        if (self.submission_cert is None) != (self.submission_key is None):
            raise SettingsError(
                "MAILROOM_SUBMISSION_CERT and MAILROOM_SUBMISSION_KEY belong together: set both or neither"
            )
        return self


SETTINGS_FIELDS = {str(field.alias): field for field in Settings.model_fields.values()}
EXPECTED_SETTINGS = {name: field.description for name, field in SETTINGS_FIELDS.items()}
REQUIRED = [name for name, field in SETTINGS_FIELDS.items() if field.is_required()]
FILED = [name for name, field in SETTINGS_FIELDS.items() if not field.repr]


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
    return _checked(values | {"MAILROOM_HOME": str(home)}, Settings)


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


def ledger_urls(config: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> LedgerUrls:
    """For a program that only submits: of its configuration, its environment, or the file of a local run.

    Both from one source: one of each would be a ledger with another's queue. DATABASE_URL and REDIS_URL
    are usually the program's own, so they are asked last.
    """
    for prefix, source in _ledger_sources(config, environ):
        urls_there = {name: url for name in LEDGER_NAMES if (url := of_a_client(f"{prefix}{name}", source))}
        if urls_there:
            return _one_ledger(prefix, urls_there)
    raise SettingsError(
        f"{OF_MAILROOM}DATABASE_URL is not set: it must be {EXPECTED_SETTINGS['DATABASE_URL']}"
    )


def _ledger_sources(
    config: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What the names there begin with, and where they stand."""
    yield OF_MAILROOM, config
    yield OF_MAILROOM, environ
    yield "", read_local(home_of({**environ, **config}) / LOCAL_FILE)
    yield "", config
    yield "", environ


def _one_ledger(prefix: str, values: dict[str, str]) -> LedgerUrls:
    if missing := set(LEDGER_NAMES) - values.keys():
        beside = f"{prefix}{next(iter(values))}"
        raise SettingsError(f"{prefix}{missing.pop()} is not set where {beside} is: both come from one place")
    try:
        return _checked(values, LedgerUrls)
    except SettingsError as error:
        raise SettingsError(f"{prefix}{error}") from None


def private_domains_of(
    config: Mapping[str, object], environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """MAILROOM_PRIVATE_DOMAINS, for a program that only submits: of its configuration or the environment."""
    name = "MAILROOM_PRIVATE_DOMAINS"
    text = str(config.get(name) or environ.get(name) or "").strip()
    try:
        return tuple(_private_domain(domain) for domain in _parts(text)) if text else ()
    except ValueError:
        raise SettingsError(f"{name} must be {EXPECTED_SETTINGS[name]}") from None


def of_a_client(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """What an application that uses our API was told by its environment; NAME_FILE is read as well."""
    path = environ.get(f"{name}_FILE")
    return environ.get(name) or (_read_secret(f"{name}_FILE", path) if path else None)


def without_colours(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the person at the terminal wants none (no-color.org)."""
    return bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"


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


def _checked(values: dict[str, str], model: type[T]) -> T:
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
